package abi

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

type vectorFile struct {
	LayoutHash string                       `json:"layoutHash"`
	Enums      map[string]map[string]string `json:"enums"`
	Structs    []struct {
		Struct string         `json:"struct"`
		Size   int            `json:"size"`
		Bytes  string         `json:"bytes"`
		Values map[string]any `json:"values"`
	} `json:"structs"`
}

func readVectors(t *testing.T) vectorFile {
	t.Helper()
	text, err := os.ReadFile("../../abi/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors vectorFile
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// TestVectorStructs lays the bytes of abi/vectors.json under each Go struct and
// reads every field.
func TestVectorStructs(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors.Structs) != len(StructsByName) {
		t.Errorf("%d vectors for %d structs", len(vectors.Structs), len(StructsByName))
	}
	for _, vector := range vectors.Structs {
		make := StructsByName[vector.Struct]
		if make == nil {
			t.Errorf("%s: no such Go struct", vector.Struct)
			continue
		}
		value := reflect.ValueOf(make())
		data, err := hex.DecodeString(vector.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) != vector.Size || int(value.Elem().Type().Size()) != vector.Size {
			t.Errorf("%s: Go has %d bytes, the vector %d", vector.Struct, value.Elem().Type().Size(), vector.Size)
			continue
		}
		copy(unsafe.Slice((*byte)(value.UnsafePointer()), vector.Size), data)
		compareStruct(t, vector.Struct, value.Elem(), vector.Values)
	}
}

// TestVectorEnums compares String of every number.
func TestVectorEnums(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors.Enums) != len(EnumsByName) {
		t.Errorf("%d vectors for %d enums", len(vectors.Enums), len(EnumsByName))
	}
	for enum, values := range vectors.Enums {
		for name, text := range values {
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				unsigned, err := strconv.ParseUint(text, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				number = int64(unsigned)
			}
			if got := EnumsByName[enum](number); got != name {
				t.Errorf("%s(%s).String() = %q, want %q", enum, text, got, name)
			}
		}
	}
}

func TestVectorHash(t *testing.T) {
	want := readVectors(t).LayoutHash
	got := strconv.FormatUint(uint64(LayoutHashHi)<<32|uint64(LayoutHashLo), 16)
	if strings.Repeat("0", 16-len(got))+got != want {
		t.Errorf("layout hash %s, the vectors have %s", got, want)
	}
}

// compareStruct wants exactly the fields that the vector names; the others must
// be reserved, and so 0.
func compareStruct(t *testing.T, path string, value reflect.Value, want map[string]any) {
	t.Helper()
	seen := 0
	byGoName := make(map[string]any, len(want))
	for name, field := range want {
		byGoName[pascal(name)] = field
	}
	for i := range value.NumField() {
		name := value.Type().Field(i).Name
		if name == "_" {
			continue
		}
		field, ok := byGoName[name]
		if ok {
			seen++
			compareValue(t, path+"."+name, value.Field(i), field)
		} else if !value.Field(i).IsZero() {
			t.Errorf("%s.%s: reserved, but not 0", path, name)
		}
	}
	if seen != len(want) {
		t.Errorf("%s: Go has %d of the vector's %d fields", path, seen, len(want))
	}
}

func compareValue(t *testing.T, path string, value reflect.Value, want any) {
	t.Helper()
	if load := value.Addr().MethodByName("Load"); load.IsValid() && value.Kind() == reflect.Struct {
		value = load.Call(nil)[0]
	}
	switch value.Kind() {
	case reflect.Struct:
		compareStruct(t, path, value, want.(map[string]any))
	case reflect.Array:
		list := want.([]any)
		if value.Len() != len(list) {
			t.Errorf("%s: Go has %d elements, the vector %d", path, value.Len(), len(list))
			return
		}
		for i := range value.Len() {
			compareValue(t, path+"["+strconv.Itoa(i)+"]", value.Index(i), list[i])
		}
	case reflect.Float32, reflect.Float64:
		if value.Float() != want.(float64) || math.IsNaN(value.Float()) {
			t.Errorf("%s = %v, want %v", path, value.Float(), want)
		}
	default:
		if got := decimal(value); got != wantDecimal(want) {
			t.Errorf("%s = %s, want %s", path, got, wantDecimal(want))
		}
	}
}

func decimal(value reflect.Value) string {
	if value.CanUint() {
		return strconv.FormatUint(value.Uint(), 10)
	}
	return strconv.FormatInt(value.Int(), 10)
}

// wantDecimal takes a JSON number, or the text that stands for one of 64 bits.
func wantDecimal(want any) string {
	if text, ok := want.(string); ok {
		return text
	}
	return strconv.FormatFloat(want.(float64), 'f', -1, 64)
}

// pascal spells a schema name as the generator does for Go.
func pascal(name string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}
