package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"foreshore.dev/kernel/abi"
)

// The kernel's own structs and tables as the kit's codec: what it says to decode and
// encode is laid over the Go structs that the kernel works with.

// structOf is a struct of the ABI with bytes, or with zeros where there are none.
func structOf(name string, bytes []byte) (reflect.Value, error) {
	zero := abi.StructsByName[name]
	if zero == nil {
		return reflect.Value{}, fmt.Errorf("the ABI has no struct %q", name)
	}
	p := reflect.ValueOf(zero())
	if size := int(p.Elem().Type().Size()); bytes != nil && len(bytes) != size {
		return p, fmt.Errorf("%s has %d bytes, not %d", name, size, len(bytes))
	}
	copy(bytesOf(p), bytes)
	return p.Elem(), nil
}

func bytesOf(p reflect.Value) []byte {
	return unsafe.Slice((*byte)(p.UnsafePointer()), p.Elem().Type().Size())
}

// decoded is a struct's fields as JSON has them: numbers of 64 bits as decimal texts.
func decoded(v reflect.Value) any {
	if load := atomicMethod(v, "Load"); load.IsValid() {
		v = load.Call(nil)[0]
	}
	switch v.Kind() {
	case reflect.Struct:
		fields := object{}
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name != "_" && !slices.Contains(abi.ReservedByName[v.Type().Name()], name) {
				fields[strings.ToLower(name[:1])+name[1:]] = decoded(v.Field(i))
			}
		}
		return fields
	case reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = decoded(v.Index(i))
		}
		return list
	case reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
		if v.CanUint() {
			return v.Uint()
		}
		return v.Int()
	}
}

// encode puts a value of JSON into a field; what is not named is 0.
func encode(v reflect.Value, value any) error {
	if store := atomicMethod(v, "Store"); store.IsValid() {
		plain := reflect.New(store.Type().In(0)).Elem()
		if err := encode(plain, value); err != nil {
			return err
		}
		store.Call([]reflect.Value{plain})
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		if v.Kind() != reflect.Struct {
			return fmt.Errorf("%v is no struct", v.Type())
		}
		for name, part := range value {
			field := v.FieldByNameFunc(func(known string) bool { return known != "_" && spelt(known) == spelt(name) })
			if !field.IsValid() {
				return fmt.Errorf("%v has no field %q", v.Type(), name)
			}
			if err := encode(field, part); err != nil {
				return err
			}
		}
	case []any:
		if v.Kind() != reflect.Array || v.Len() != len(value) {
			return fmt.Errorf("%d values for %v", len(value), v.Type())
		}
		for i, part := range value {
			if err := encode(v.Index(i), part); err != nil {
				return err
			}
		}
	case float64:
		return number(v, strconv.FormatFloat(value, 'f', -1, 64))
	case string:
		return number(v, value)
	default:
		return fmt.Errorf("%v is no value of %v", value, v.Type())
	}
	return nil
}

// number sets a number by its decimal text.
func number(v reflect.Value, text string) error {
	bits := 0
	if k := v.Kind(); k >= reflect.Int && k <= reflect.Float64 {
		bits = v.Type().Bits()
	}
	switch {
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, bits)
		v.SetUint(n)
		return err
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, bits)
		v.SetInt(n)
		return err
	case v.CanFloat():
		n, err := strconv.ParseFloat(text, bits)
		v.SetFloat(n)
		return err
	}
	return fmt.Errorf("%q is no value of %v", text, v.Type())
}

// atomicMethod is a method of a field that is an atomic word.
func atomicMethod(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct || v.Type().PkgPath() != "sync/atomic" {
		return reflect.Value{}
	}
	return v.Addr().MethodByName(name)
}

// spelt is a name without what languages spell differently.
func spelt(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// answerCodec answers the kit's last three operations.
func answerCodec(r *subjectRequest) (object, error) {
	switch r.Op {
	case "decode":
		v, err := structOf(r.Struct, append([]byte{}, r.Bytes...))
		if err != nil {
			return nil, err
		}
		return object{"values": decoded(v)}, nil
	case "encode":
		v, err := structOf(r.Struct, nil)
		if err == nil {
			err = encode(v, r.Values)
		}
		if err != nil {
			return nil, err
		}
		return object{"bytes": bytesOf(v.Addr())}, nil
	}
	verify := abi.VerifiersByName[r.Table]
	if verify == nil {
		return nil, fmt.Errorf("the ABI has no table %q", r.Table)
	}
	return object{"sound": verify(r.Bytes) == abi.TableFaultOk}, nil
}
