/** Spelling of schema names in Go and TypeScript. */

/** `exit_code` or `exitCode` → `ExitCode`. */
export function pascal(name: string): string {
  return name
    .split("_")
    .filter((part) => part !== "")
    .map((part) => (part[0] ?? "").toUpperCase() + part.slice(1))
    .join("");
}

/** `exit_code` → `exitCode`. */
export function camel(name: string): string {
  const joined = pascal(name);
  return (joined[0] ?? "").toLowerCase() + joined.slice(1);
}

/** Name of an enum's constant in Go: `ThreadStateReady`; when the enum is bare `ENOENT`, and `WALL` for `__WALL`. */
export function goConstant(owner: { readonly name: string; readonly bare: boolean }, value: string): string {
  return owner.bare ? value.replace(/^_+/, "") : owner.name + pascal(value);
}

/** `ThreadRunState` → `thread_run_state`, `Elf64Ehdr` → `elf64_ehdr`. */
export function snake(name: string): string {
  return name
    .replaceAll("GiB", "Gib")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toLowerCase();
}
