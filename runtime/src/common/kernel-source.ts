/** Compiling a kernel from what both hosts can be given. */
import { MachineStartError } from "@foreshore/abi";

/** Compiles while it downloads where the server names the type; else from the bytes. */
export async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok)
    throw new MachineStartError(`the kernel at ${response.url} answers ${response.status} ${response.statusText}`);
  const type = response.headers.get("content-type")?.split(";")[0]?.trim();
  if (type === "application/wasm" && typeof WebAssembly.compileStreaming === "function")
    return await WebAssembly.compileStreaming(response);
  return await WebAssembly.compile(await response.arrayBuffer());
}

/** Turns what the engine says about bytes that are no wasm into one sentence with the place. */
export async function compiled(module: Promise<WebAssembly.Module>, where: string): Promise<WebAssembly.Module> {
  try {
    return await module;
  } catch (error) {
    if (error instanceof MachineStartError) throw error;
    throw new MachineStartError(
      `cannot load the kernel from ${where}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
