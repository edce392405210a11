import { InputError } from 'implicit-lab';
import {
  checkList,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
} from 'implicit-lab/support';
import { alignedAtPoint, type Bundle, escapeHtml, formatNumber, publish } from '../output';

/** What a cell of a table may hold; nothing is shown as a dash. */
export type Cell = number | string | boolean | null | undefined;

/** How a column is shown. */
export interface Column {
  /** Its heading, unless it is to be the field's name. */
  title?: string;
  /** Stands in brackets behind the heading: `'ms'`. */
  unit?: string;
  /** Significant digits of its numbers, 4 unless given. */
  digits?: number;
  /** Replaces the usual way of writing a value. */
  format?: (value: Cell) => string;
}

/** What a table may have in addition to its rows. */
export interface TableOptions {
  /** A sentence above the table. */
  caption?: string;
  /** Field name → how its column is shown. */
  columns?: Record<string, Column>;
}

interface FormattedColumn {
  heading: string;
  numeric: boolean;
  cells: string[];
}

const NOTHING = '–';

/**
 * Shows records as a table: a row for each, a column for each field, numbers aligned at the point.
 *
 * @example
 * ```ts
 * table([{ method: 'SGD', time: 1.2034 }, { method: 'implicit', time: 0.871 }], {
 *   caption: 'Time of one epoch.',
 *   columns: { time: { unit: 's', digits: 3 } },
 * });
 * ```
 *
 * @throws InputError if there are no rows, or options for a column that no row has
 */
export function table(rows: readonly Record<string, Cell>[], options: TableOptions = {}): void {
  checkNoMore('table', arguments, 2);
  publish(tableBundle(rows, options));
}

/** What {@link table} shows, without showing it. */
export function tableBundle(
  rows: readonly Record<string, Cell>[],
  options: TableOptions = {},
): Bundle {
  checkNoMore('tableBundle', arguments, 2);
  checkList(rows, 'the rows of a table');
  for (const row of rows) checkRecord(row, 'a row of a table');
  checkOptionNames('table', options, ['caption', 'columns']);
  const { caption, columns = {} } = options;
  const fields = inOrder(rows.flatMap((row) => Object.keys(row)));
  requireColumns(fields, columns);
  const formatted = fields.map((field) =>
    formatColumn(
      field,
      rows.map((row) => row[field]),
      columns[field] ?? {},
    ),
  );
  return {
    data: {
      'text/html': asHtml(formatted, rows.length, caption),
      'text/plain': asText(formatted, rows.length, caption),
    },
  };
}

/**
 * Every field once, in the order of first appearance. JavaScript puts keys such as '10' first in a
 * record; here they follow the named fields, which label the row.
 */
function inOrder(keys: string[]): string[] {
  const isNumber = (key: string) => /^\d+$/.test(key);
  const fields = [...new Set(keys)];
  return [...fields.filter((key) => !isNumber(key)), ...fields.filter(isNumber)];
}

function requireColumns(fields: string[], columns: Record<string, Column>) {
  if (fields.length === 0) {
    throw new InputError({
      given: 'a table without rows or fields',
      expected: 'at least one record',
      remedy: "Pass [{ method: 'SGD', loss: 0.3 }], for example.",
    });
  }
  const unknown = Object.keys(columns).find((field) => !fields.includes(field));
  for (const [field, column] of Object.entries(columns)) {
    const known = ['title', 'unit', 'digits', 'format'];
    checkOptionNames(`the column '${field}' of table`, column, known);
  }
  if (unknown !== undefined) {
    throw new InputError({
      given: `options for the column '${unknown}'`,
      expected: `one of ${fields.join(', ')}`,
      remedy: 'Look for a spelling mistake.',
    });
  }
}

function formatColumn(field: string, values: Cell[], column: Column): FormattedColumn {
  const title = column.title ?? field;
  const numeric = values.some((value) => typeof value === 'number');
  const cells = values.map((value) => formatCell(value, column));
  return {
    heading: column.unit ? `${title} (${column.unit})` : title,
    numeric,
    cells: numeric ? alignedAtPoint(cells) : cells,
  };
}

/** A disposed tensor cannot be made a text. */
const textOf = (value: unknown) => (typeof value === 'object' ? phrase(value) : String(value));

function formatCell(value: Cell, { digits, format }: Column): string {
  if (format) return format(value);
  if (value === null || value === undefined) return NOTHING;
  return typeof value === 'number' ? formatNumber(value, digits) : textOf(value);
}

function asText(columns: FormattedColumn[], rows: number, caption?: string): string {
  const widths = columns.map(({ heading, cells }) =>
    Math.max(heading.length, ...cells.map((cell) => cell.length)),
  );
  const line = (cellOf: (column: FormattedColumn) => string) =>
    columns
      .map((column, i) =>
        column.numeric ? cellOf(column).padStart(widths[i]!) : cellOf(column).padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  const lines = [
    line(({ heading }) => heading),
    widths.map((width) => '─'.repeat(width)).join('──'),
    ...Array.from({ length: rows }, (_, row) => line(({ cells }) => cells[row]!)),
  ];
  return [...(caption ? [caption, ''] : []), ...lines].join('\n');
}

function asHtml(columns: FormattedColumn[], rows: number, caption?: string): string {
  const cell = (tag: 'th' | 'td', numeric: boolean, text: string) => {
    const align = numeric ? 'right' : 'left';
    // A figure space is as wide as a digit.
    const content = escapeHtml(text).replace(/ +$/, (spaces) => '\u2007'.repeat(spaces.length));
    return `<${tag} style="text-align: ${align}; font-variant-numeric: tabular-nums">${content}</${tag}>`;
  };
  const heads = columns.map(({ heading, numeric }) => cell('th', numeric, heading)).join('');
  const body = Array.from({ length: rows }, (_, row) => {
    const cells = columns.map(({ cells, numeric }) => cell('td', numeric, cells[row]!)).join('');
    return `<tr>${cells}</tr>`;
  });
  const title = caption
    ? `<caption style="caption-side: top; text-align: left">${escapeHtml(caption)}</caption>`
    : '';
  return `<table>${title}<thead><tr>${heads}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}
