/**
 * Lays out columns as gofmt does: a column is aligned over consecutive lines
 * that have a further cell after it; any other line ends the block.
 */
export function alignColumns(rows: readonly (readonly string[] | string)[]): string[] {
  const cells = rows.map((row) => (typeof row === "string" ? [row] : [...row]));
  const columns = Math.max(0, ...cells.map((row) => row.length));
  for (let column = 0; column + 1 < columns; column++) {
    let start = 0;
    while (start < cells.length) {
      let end = start;
      while ((cells[end]?.length ?? 0) > column + 1) end++;
      const block = cells.slice(start, end);
      const width = Math.max(0, ...block.map((row) => [...(row[column] ?? "")].length));
      for (const row of block) row[column] = (row[column] ?? "").padEnd(width + 1);
      start = end + 1;
    }
  }
  return cells.map((row) => row.join("").trimEnd());
}
