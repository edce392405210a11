/** How far a line may go, and how many levels of objects may share one. */
export interface Page {
  width: number;
  levels: number;
}

/** Between two entries of a line. */
const SEPARATOR = 2;

/** Lists up to here are not put in columns. */
const FEW = 6;

/** Columns of a list, at most, and of one level. */
const MOST_COLUMNS = 15;
const COLUMNS_OF_A_LEVEL = 4;

/** The height of a character is about this multiple of its width: blocks of entries become squares. */
const HEIGHT = 2.5;

export interface Entries {
  /** Each printed. */
  output: string[];
  /** What is before the opening brace, as the name of a class or the text of an error. */
  base: string;
  braces: [string, string];
  indentation: number;
  /** The list whose entries these are, where they may be put in columns. */
  list?: readonly unknown[] | undefined;
  /** Whether the last entry only counts those that are left out. */
  cut: boolean;
  /** How many levels of objects are below this one. */
  below: number;
}

/** Entries in braces, on one line where they have room, in columns, or each on its own line. */
export function layOut(entries: Entries, page: Page): string {
  const { base, braces, indentation, below } = entries;
  let { output } = entries;
  const count = output.length;
  const head = base === '' ? braces[0] : `${base} ${braces[0]}`;
  if (entries.list && count > FEW) output = inColumns(entries, page);
  if (below < page.levels && count === output.length) {
    const start = count + indentation + braces[0].length + base.length + 10;
    const length = output.reduce((sum, entry) => sum + entry.length, count + start);
    const line = output.join(', ');
    const fits = length <= page.width && !base.includes('\n') && !line.includes('\n');
    if (fits) return `${head} ${line} ${braces[1]}`;
  }
  const space = `\n${' '.repeat(indentation)}`;
  return `${head}${space}  ${output.join(`,${space}  `)}${space}${braces[1]}`;
}

/** Source: the layout that Node.js' `util.inspect` has since version 12. */
function inColumns({ output, indentation, list, cut }: Entries, page: Page): string[] {
  const count = cut ? output.length - 1 : output.length;
  const lengths = output.slice(0, count).map((entry) => entry.length);
  const longest = Math.max(...lengths);
  const total = lengths.reduce((sum, length) => sum + length + SEPARATOR, 0);
  const widest = longest + SEPARATOR;
  const isTable = widest * 3 + indentation < page.width;
  if (!isTable || (total / widest <= 5 && longest > 6)) return output;
  const biased = Math.max(widest - 3 - Math.sqrt(widest - total / output.length), 1);
  const columns = Math.min(
    Math.round(Math.sqrt(HEIGHT * biased * count) / biased),
    Math.floor((page.width - indentation) / widest),
    page.levels * COLUMNS_OF_A_LEVEL,
    MOST_COLUMNS,
  );
  if (columns <= 1) return output;
  const widths = Array.from({ length: columns }, (_, column) => {
    const own = lengths.filter((_length, at) => at % columns === column);
    return Math.max(0, ...own) + SEPARATOR;
  });
  const isNumeric = list?.every((value) => typeof value === 'number' || typeof value === 'bigint');
  const rows: string[] = [];
  for (let from = 0; from < count; from += columns) {
    const to = Math.min(from + columns, count);
    let row = '';
    for (let at = from; at < to; at++) {
      const isLast = at === to - 1;
      const width = widths[at - from]! - (isLast ? SEPARATOR : 0);
      const entry = isLast ? output[at]! : `${output[at]}, `;
      if (isNumeric) row += entry.padStart(width);
      else row += isLast ? entry : entry.padEnd(width);
    }
    rows.push(row);
  }
  return cut ? [...rows, output[count]!] : rows;
}
