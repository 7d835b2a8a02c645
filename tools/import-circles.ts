/**
 * Circles of files: one that imports itself by way of others can be neither read nor loaded before them. Types count, since a
 * reader meets them first.
 */
import { posix } from "node:path";
import { importsOf } from "./imports.ts";

/** The file that stands for `@foreshore/WORKSPACE` (`subpath` ".") or `@foreshore/WORKSPACE/SUBPATH`; undefined when there is none. */
export type Entry = (workspace: string, subpath: string) => string | undefined;

interface Edge {
  readonly to: string;
  readonly line: number;
}

/**
 * One line for each set of files that import one another: its shortest circle.
 * @param files text by path, relative to the repository
 */
export function importCircles(files: ReadonlyMap<string, string>, entry: Entry): string[] {
  const edges = new Map<string, readonly Edge[]>();
  for (const [path, text] of files) edges.set(path, edgesOf(path, text, files, entry));
  const seen = new Set<string>();
  const found: string[] = [];
  for (const path of files.keys()) {
    if (seen.has(path)) continue;
    const circle = shortest(path, edges);
    if (circle === undefined) continue;
    for (const { to } of circle) for (const each of togetherWith(to, edges)) seen.add(each);
    const steps = circle.map((edge, i) => `${i === 0 ? path : circle[i - 1]!.to}:${edge.line}`);
    found.push(`${[...steps, path].join(" → ")}: a circle of files`);
  }
  return found;
}

function edgesOf(path: string, text: string, files: ReadonlyMap<string, string>, entry: Entry): Edge[] {
  return importsOf(text).flatMap(({ what, line }) => {
    const to = targetOf(path, what, entry);
    return to !== undefined && files.has(to) ? [{ to, line }] : [];
  });
}

function targetOf(path: string, what: string, entry: Entry): string | undefined {
  if (what.startsWith(".")) return posix.normalize(posix.join(posix.dirname(path), what));
  const [, workspace, subpath] = /^@foreshore\/([^/]+)(?:\/(.+))?$/.exec(what) ?? [];
  return workspace === undefined ? undefined : entry(workspace, subpath === undefined ? "." : `./${subpath}`);
}

/** The shortest way from a file back to itself. */
function shortest(path: string, edges: ReadonlyMap<string, readonly Edge[]>): readonly Edge[] | undefined {
  const ways = new Map<string, readonly Edge[]>([[path, []]]);
  for (const [from, way] of ways) {
    for (const edge of edges.get(from) ?? []) {
      if (edge.to === path) return [...way, edge];
      if (!ways.has(edge.to)) ways.set(edge.to, [...way, edge]);
    }
  }
  return undefined;
}

/** The files that a file reaches and that reach it. */
function togetherWith(path: string, edges: ReadonlyMap<string, readonly Edge[]>): string[] {
  return [...reached(path, edges)].filter((other) => reached(other, edges).has(path));
}

function reached(path: string, edges: ReadonlyMap<string, readonly Edge[]>): Set<string> {
  const all = new Set([path]);
  for (const from of all) for (const { to } of edges.get(from) ?? []) all.add(to);
  return all;
}
