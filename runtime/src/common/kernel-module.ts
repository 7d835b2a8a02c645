/** Whether a module is a Foreshore kernel, by its imports and exports. */
import { AbiMismatch, AbiVersion, KERNEL_EXPORTS, KERNEL_IMPORTS } from "@foreshore/abi";

/**
 * What the module cannot say before it runs (its version and layout hash) is
 * compared after kernel_boot, in the kernel worker.
 * @throws AbiMismatch naming what does not fit
 */
export function checkKernelModule(module: WebAssembly.Module): void {
  const exports = new Map(WebAssembly.Module.exports(module).map((item) => [item.name, item.kind]));
  const missing = Object.entries(KERNEL_EXPORTS).filter(([name, { kind }]) => exports.get(name) !== kind);
  const imports = WebAssembly.Module.imports(module).map((item) => `${item.module}.${item.name}`);
  const foreign = imports.filter((name) => !Object.hasOwn(KERNEL_IMPORTS, name));
  if (missing.length === 0 && foreign.length === 0 && imports.includes("env.memory")) return;
  const problems = [
    ...(missing.length > 0 ? [`exports no ${missing.map(([name]) => name).join(", ")}`] : []),
    ...(foreign.length > 0 ? [`imports ${foreign.join(", ")}`] : []),
    ...(imports.includes("env.memory") ? [] : ["imports no memory"]),
  ];
  throw new AbiMismatch(
    `this runtime speaks ABI ${AbiVersion.Major}.${AbiVersion.Minor}; the module is of another one, or no Foreshore kernel: it ${problems.join("; it ")}`,
  );
}
