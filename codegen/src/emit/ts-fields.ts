/** Accessors of one field of a view. */
import type {
  GetAccessorDeclarationStructure,
  MethodDeclarationStructure,
  OptionalKind,
  SetAccessorDeclarationStructure,
} from "ts-morph";
import { fieldDoc } from "../emitter.ts";
import { type FieldModel, is64, type ScalarKind } from "../model.ts";
import { camel, pascal } from "../names.ts";
import { ARRAY, docs, plus } from "./ts-text.ts";

export interface Accessors {
  readonly get: OptionalKind<GetAccessorDeclarationStructure>[];
  readonly set: OptionalKind<SetAccessorDeclarationStructure>[];
  readonly methods: OptionalKind<MethodDeclarationStructure>[];
}

/** One readable and writable place: a whole scalar, or a half of a 64-bit one. */
interface Place {
  readonly name: string;
  readonly type: "number" | "bigint";
  readonly doc: readonly string[];
  /** Expressions over `at`, the address of the element. */
  read(at: string): string;
  write(at: string, value: string): string;
}

export function accessors(field: FieldModel): Accessors {
  if ("struct" in field.type) return nested(field, field.type.struct);
  const scalar = field.type.scalar;
  const list = places(field, scalar);
  const result = field.count === undefined ? single(field, list) : array(field, list, field.count);
  return field.atomic ? { ...result, methods: [...result.methods, wordIndex(field)] } : result;
}

/** TypeScript type of a scalar's whole value. */
export function valueType(field: FieldModel, scalar: ScalarKind): "number" | "bigint" {
  return is64(scalar) && !field.bounded ? "bigint" : "number";
}

function places(field: FieldModel, scalar: ScalarKind): Place[] {
  const name = camel(field.name);
  const whole: Place = { name, type: valueType(field, scalar), doc: fieldDoc(field), ...wholeAccess(field, scalar) };
  if (!is64(scalar) || field.bounded) return [whole];
  const half = (suffix: string, array: "i32" | "u32", offset: number): Place => ({
    name: name + suffix,
    type: "number",
    doc: [`${suffix === "Lo" ? "Low" : "High"} 32 bits of ${name}.`],
    ...wordAccess(field.atomic, array, offset),
  });
  return [whole, half("Lo", "u32", 0), half("Hi", scalar === "i64" ? "i32" : "u32", 4)];
}

function wholeAccess(field: FieldModel, scalar: ScalarKind): Pick<Place, "read" | "write"> {
  if (!is64(scalar) || !field.bounded) return wordAccess(field.atomic, scalar, 0);
  const kind = scalar === "u64" ? "U53" : "I53";
  if (!field.atomic) {
    return {
      read: (at) => `this.$mem.${kind.toLowerCase()}(${at})`,
      write: (at, value) => `this.$mem.set${kind}(${at}, ${value});`,
    };
  }
  return {
    read: (at) => `this.$mem.atomic${kind}(${at})`,
    write: (at, value) => `Atomics.store(this.$mem.${scalar}, (${at}) >>> 3, BigInt(${value}));`,
  };
}

function wordAccess(atomic: boolean, scalar: ScalarKind, offset: number): Pick<Place, "read" | "write"> {
  const { name, shift } = ARRAY[scalar];
  const index = (at: string): string => (shift === 0 ? plus(at, offset) : `(${plus(at, offset)}) >>> ${shift}`);
  if (atomic) {
    return {
      read: (at) => `Atomics.load(this.$mem.${name}, ${index(at)})`,
      write: (at, value) => `Atomics.store(this.$mem.${name}, ${index(at)}, ${value});`,
    };
  }
  return {
    read: (at) => `this.$mem.${name}[${index(at)}]!`,
    write: (at, value) => `this.$mem.${name}[${index(at)}] = ${value};`,
  };
}

function single(field: FieldModel, list: readonly Place[]): Accessors {
  const at = plus("this.$base", field.offset);
  return {
    get: list.map((place) => ({
      name: place.name,
      docs: docs(place.doc),
      returnType: place.type,
      statements: `return ${place.read(at)};`,
    })),
    set: list.map((place) => ({
      name: place.name,
      parameters: [{ name: "value", type: place.type }],
      statements: place.write(at, "value"),
    })),
    methods: [],
  };
}

function array(field: FieldModel, list: readonly Place[], count: number): Accessors {
  const at = elementAddress(field, count);
  const index = { name: "index", type: "number" };
  const methods: OptionalKind<MethodDeclarationStructure>[] = list.flatMap((place) => [
    {
      name: place.name,
      docs: docs(place.doc),
      parameters: [index],
      returnType: place.type,
      statements: `return ${place.read(at)};`,
    },
    {
      name: `set${pascal(place.name)}`,
      parameters: [index, { name: "value", type: place.type }],
      returnType: "void",
      statements: place.write(at, "value"),
    },
  ]);
  if ("scalar" in field.type && field.type.scalar === "u8") {
    methods.push({
      name: `${camel(field.name)}Bytes`,
      docs: [`The bytes of ${camel(field.name)}, in place.`],
      returnType: "Uint8Array",
      statements: `return this.$mem.u8.subarray(${plus("this.$base", field.offset)}, ${plus("this.$base", field.offset + count)});`,
    });
  }
  return { get: [], set: [], methods };
}

function elementAddress(field: FieldModel, count: number): string {
  const scaled =
    field.elementSize === 1 ? `element(index, ${count})` : `element(index, ${count}) * ${field.elementSize}`;
  return `${plus("this.$base", field.offset)} + ${scaled}`;
}

function nested(field: FieldModel, struct: string): Accessors {
  const name = camel(field.name);
  const statements = (at: string): string[] => [
    `const view = (this.#${name} ??= new ${struct}(this.$mem));`,
    `view.$base = ${at};`,
    "return view;",
  ];
  if (field.count === undefined) {
    const at = plus("this.$base", field.offset);
    return {
      get: [{ name, docs: docs(fieldDoc(field)), returnType: struct, statements: statements(at) }],
      set: [],
      methods: [],
    };
  }
  const again = "One view serves all elements: the next call moves it.";
  return {
    get: [],
    set: [],
    methods: [
      {
        name,
        docs: docs([...fieldDoc(field), again]),
        parameters: [{ name: "index", type: "number" }],
        returnType: struct,
        statements: statements(elementAddress(field, field.count)),
      },
    ],
  };
}

/** For read-modify-write, wait and notify, which the caller does with `Atomics` itself. */
function wordIndex(field: FieldModel): OptionalKind<MethodDeclarationStructure> {
  const shift = field.elementSize === 8 ? 3 : 2;
  const arrays = field.elementSize === 8 ? "`i64` and `u64`" : "`i32` and `u32`";
  const name = camel(field.name);
  const at = field.count === undefined ? plus("this.$base", field.offset) : elementAddress(field, field.count);
  return {
    name: `${name}Index`,
    docs: [`Index of ${name} in the memory's ${arrays}, for \`Atomics\`.`],
    parameters: field.count === undefined ? [] : [{ name: "index", type: "number" }],
    returnType: "number",
    statements: `return (${at}) >>> ${shift};`,
  };
}
