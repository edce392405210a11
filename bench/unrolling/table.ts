/** A cell: words, or a number that is printed with four digits. */
type Cell = string | number;

/** Prints rows of one shape as a table, with a title and a sentence of what to look for. */
export function printTable(title: string, note: string, rows: Record<string, Cell>[]): void {
  console.log(`\n${title}\n${note}\n`);
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => format(row[name]!)))];
  const widths = names.map((_, j) => Math.max(...lines.map((line) => line[j]!.length)));
  lines.forEach((line, i) => {
    console.log(line.map((cell, j) => pad(cell, widths[j]!, rows[0]![names[j]!]!)).join('  '));
    if (i === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  });
}

function format(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  if (Number.isInteger(cell)) return cell.toLocaleString('en');
  const size = Math.abs(cell);
  return size >= 1e-3 && size < 1e6 ? `${Number(cell.toPrecision(4))}` : cell.toExponential(2);
}

const pad = (text: string, width: number, like: Cell) =>
  typeof like === 'number' ? text.padStart(width) : text.padEnd(width);
