/** The wasm boundary for both sides: Go's imports and exports, TypeScript's types and tables. */
import { MARKER, type OutputFile } from "../emitter.ts";
import type { BoundaryItem, Model, ScalarKind } from "../model.ts";
import { camel, pascal } from "../names.ts";

const WASM: Readonly<Partial<Record<ScalarKind, string>>> = {
  i32: "i32",
  u32: "i32",
  i64: "i64",
  u64: "i64",
  f32: "f32",
  f64: "f64",
};

const GO: Readonly<Partial<Record<ScalarKind, string>>> = {
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  f32: "float32",
  f64: "float64",
};

function functions(model: Model, direction: BoundaryItem["direction"]): BoundaryItem[] {
  return model.boundary.filter((item) => item.direction === direction && item.kind === "function");
}

/** Nothing when the schema declares no boundary. */
export function goBoundary(model: Model): OutputFile[] {
  if (model.boundary.length === 0) return [];
  return [
    { path: "kernel-go/host/imports_tinygo.go", text: goImports(model) },
    { path: "kernel-go/main/exports.go", text: goExports(model) },
  ];
}

function goParams(item: BoundaryItem): string {
  return item.params.map((param) => `${camel(param.name)} ${GO[param.scalar]}`).join(", ");
}

function goImports(model: Model): string {
  const items = functions(model, "import").map((item) =>
    [
      ...item.doc.map((line, i) => `// ${i === 0 ? `${goName(item)}: ` : ""}${line}`),
      "//",
      `//go:wasmimport ${item.module} ${item.symbol}`,
      `func ${goName(item)}(${goParams(item)})${item.result === undefined ? "" : ` ${GO[item.result]}`}`,
      "",
    ].join("\n"),
  );
  return [
    `// ${MARKER}`,
    "// Source: abi/boundary.fbs",
    "",
    "//go:build tinygo",
    "",
    "package host",
    "",
    items.join("\n"),
  ].join("\n");
}

/** `kernel_boot` → `kernelBoot`, `now` → `now`. */
function goName(item: BoundaryItem): string {
  return camel(item.symbol);
}

/** Each export calls the function of its name in package main, whose result has the type of its status. */
function goExports(model: Model): string {
  const items = functions(model, "export").filter((item) => !item.toolchain);
  const bodies = items.map((item) => {
    const call = `${goName(item)}(${item.params.map((param) => argument(param)).join(", ")})`;
    const signature = `func export${pascal(item.symbol)}(${goParams(item)})`;
    const head = [
      ...item.doc.map((line, i) => `// ${i === 0 ? `${item.symbol}: ` : ""}${line}`),
      "//",
      `//export ${item.symbol}`,
    ];
    if (item.result === undefined) return [...head, `${signature} { ${call} }`, ""].join("\n");
    const value =
      item.status === undefined
        ? [`\treturn ${call}`]
        : [
            `\tvar status abi.${item.status} = ${call}`,
            `\treturn ${item.status === "Errno" ? "-int32(status)" : "int32(status)"}`,
          ];
    return [...head, `${signature} ${GO[item.result]} {`, ...value, "}", ""].join("\n");
  });
  const usesAbi = items.some(
    (item) => item.status !== undefined || item.params.some((param) => param.enum !== undefined),
  );
  return [
    `// ${MARKER}`,
    "// Source: abi/boundary.fbs",
    "",
    "//lint:file-ignore U1000 the host calls these",
    "",
    "package main",
    "",
    ...(usesAbi ? ['import "foreshore.dev/kernel/abi"', ""] : []),
    bodies.join("\n"),
  ].join("\n");
}

function argument(param: BoundaryItem["params"][number]): string {
  const name = camel(param.name);
  return param.enum === undefined ? name : `abi.${param.enum}(${name})`;
}

/** TypeScript's `kernel_boundary.ts`; undefined when the schema declares no boundary. */
export function tsBoundary(model: Model): OutputFile | undefined {
  if (model.boundary.length === 0) return undefined;
  const statuses = new Set(
    model.boundary.flatMap((item) => [
      ...(item.status === undefined || item.status === "Errno" ? [] : [item.status]),
      ...item.params.flatMap((param) => (param.enum === undefined ? [] : [param.enum])),
    ]),
  );
  const imports = [...statuses].sort().map((name) => {
    const file = model.files.find((candidate) => candidate.enums.some((item) => item.name === name));
    return `import type { ${name} } from "./${file?.stem}.ts";`;
  });
  const modules = [...new Set(functions(model, "import").map((item) => item.module))].sort();
  const text = [
    `// ${MARKER}`,
    "// Source: abi/boundary.fbs",
    "",
    ...imports.sort(),
    "",
    "/** Type of a value that crosses the boundary. */",
    'export type WasmType = "i32" | "i64" | "f32" | "f64";',
    "",
    "/** One import or export of kernel.wasm. */",
    "export interface BoundaryEntry {",
    '  readonly kind: "function" | "memory" | "global";',
    "  readonly params: readonly WasmType[];",
    "  readonly results: readonly WasmType[];",
    "  /** Who may call it. */",
    "  readonly caller: string;",
    "  /** Exports that must have been called on the machine before. */",
    "  readonly after: readonly string[];",
    "}",
    "",
    "/** The functions, and the global, that kernel.wasm exports. */",
    "export interface KernelExports {",
    ...model.boundary.filter((item) => item.direction === "export").flatMap(tsMember),
    "}",
    "",
    ...modules.flatMap((module) => [
      `/** What kernel.wasm imports from module "${module}". */`,
      `export interface Kernel${pascal(module)}Imports {`,
      ...functions(model, "import")
        .filter((item) => item.module === module)
        .flatMap(tsMember),
      "}",
      "",
    ]),
    "/** Every export, by name. */",
    ...tsTable(
      "KERNEL_EXPORTS",
      model.boundary.filter((item) => item.direction === "export"),
      (item) => item.symbol,
    ),
    "",
    '/** Every import, by "module.name". */',
    ...tsTable(
      "KERNEL_IMPORTS",
      model.boundary.filter((item) => item.direction === "import"),
      (item) => `${item.module}.${item.symbol}`,
    ),
    "",
  ].join("\n");
  return { path: "abi/ts/kernel_boundary.ts", text };
}

function tsMember(item: BoundaryItem): string[] {
  const facts = [
    ...(item.caller === "" ? [] : [`Called by: ${item.caller}.`]),
    ...(item.after.length === 0 ? [] : [`After: ${item.after.join(", ")}.`]),
  ];
  const doc = [
    "  /**",
    ...item.doc.map((line) => `   * ${line}`),
    ...item.params.map(
      (param) => `   * @param ${camel(param.name)} ${[...param.doc, ...unitText(param.unit)].join(" ")}`,
    ),
    ...(facts.length === 0 ? [] : [`   * ${facts.join(" ")}`]),
    "   */",
  ];
  if (item.kind === "global")
    return [...doc, `  readonly ${item.symbol}: WebAssembly.Global<"${WASM[item.result ?? "u32"]}">;`];
  const params = item.params.map((param) => `${camel(param.name)}: ${tsType(param.scalar, param.enum)}`).join(", ");
  const result =
    item.result === undefined ? "void" : tsType(item.result, item.status === "Errno" ? undefined : item.status);
  return [...doc, `  ${item.symbol}(${params}): ${result};`];
}

function unitText(unit: string | undefined): string[] {
  return unit === undefined ? [] : [`(${unit})`];
}

function tsType(scalar: ScalarKind, enumName: string | undefined): string {
  if (enumName !== undefined) return enumName;
  return scalar === "i64" || scalar === "u64" ? "bigint" : "number";
}

function tsTable(name: string, items: readonly BoundaryItem[], key: (item: BoundaryItem) => string): string[] {
  const list = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
  return [
    `export const ${name}: Readonly<Record<string, BoundaryEntry>> = {`,
    ...items.map((item) => {
      const params = item.kind === "function" ? item.params.map((param) => WASM[param.scalar] ?? "i32") : [];
      const results = item.result === undefined ? [] : [WASM[item.result] ?? "i32"];
      return `  ${JSON.stringify(key(item))}: { kind: "${item.kind}", params: ${list(params)}, results: ${list(results)}, caller: ${JSON.stringify(item.caller)}, after: ${list(item.after)} },`;
    }),
    "};",
  ];
}
