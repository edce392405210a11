import { noteOf } from '../../child/failure';
import { KeyboardInterrupt } from '../../child/interruption';
import type { Stream } from '../../child/messages';
import { print } from '../../child/print';
import { inspect } from './inspect';

type Method = (...values: unknown[]) => void;

const times = new Map<string, number>();
const counts = new Map<string, number>();
let indentation = '';

/** Lets `console` print under the running cell, as Node.js prints. */
export function captureConsole(): void {
  const write =
    (name: Stream): Method =>
    (...values) =>
      line(name, formatted(values));
  const log = write('stdout');
  const error = write('stderr');
  const elapsed = (label: string): string =>
    `${label}: ${(performance.now() - (times.get(label) ?? performance.now())).toFixed(3)}ms`;
  const methods: Record<string, Method> = {
    log,
    info: log,
    debug: log,
    warn: error,
    error,
    dir: (value, options) => line('stdout', printed(value, options as object)),
    table: (rows, columns) => line('stdout', tableOf(rows, columns as string[] | undefined)),
    trace: (...values) => line('stderr', `Trace: ${formatted(values)}`),
    assert: (holds, ...values) => {
      if (!holds)
        line('stderr', `Assertion failed${values.length > 0 ? ': ' : ''}${formatted(values)}`);
    },
    time: (label = 'default') => void times.set(String(label), performance.now()),
    timeLog: (label = 'default', ...values) => log(elapsed(String(label)), ...values),
    timeEnd: (label = 'default') => {
      log(elapsed(String(label)));
      times.delete(String(label));
    },
    count: (label = 'default') => {
      const count = (counts.get(String(label)) ?? 0) + 1;
      counts.set(String(label), count);
      log(`${label}: ${count}`);
    },
    countReset: (label = 'default') => void counts.delete(String(label)),
    group: (...values) => {
      if (values.length > 0) log(...values);
      indentation += '  ';
    },
    groupEnd: () => {
      indentation = indentation.slice(2);
    },
  };
  for (const [name, method] of Object.entries(methods)) {
    Object.defineProperty(method, 'name', { value: name });
    Reflect.set(console, name, method);
  }
}

function line(name: Stream, text: string): void {
  print(name, `${indentation}${text.replaceAll('\n', `\n${indentation}`)}\n`);
}

/** A note for a value that throws when it is looked at. */
function printed(value: unknown, options: object = {}): string {
  try {
    return inspect(value, options);
  } catch (error) {
    if (KeyboardInterrupt.is(error)) throw error;
    return noteOf(error);
  }
}

/** `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`, `%c`, and what is left behind them. */
function formatted(values: readonly unknown[]): string {
  const [first, ...rest] = values;
  let at = 0;
  const shown = (value: unknown): string => (typeof value === 'string' ? value : printed(value));
  if (typeof first !== 'string') return values.map(shown).join(' ');
  const head =
    rest.length === 0
      ? first
      : first.replace(/%([sdifjoOc%])/g, (whole, kind: string) => {
          if (kind === '%') return '%';
          if (at >= rest.length) return whole;
          return formatOf(kind, rest[at++]);
        });
  return [head, ...rest.slice(at).map(shown)].join(' ');
}

function formatOf(kind: string, value: unknown): string {
  switch (kind) {
    case 's':
      return typeof value === 'object' && value !== null
        ? printed(value, { depth: 0 })
        : typeof value === 'string'
          ? value
          : printed(value);
    case 'd':
      return typeof value === 'bigint' ? `${value}n` : String(Number(value));
    case 'i':
      return String(Number.parseInt(String(value), 10));
    case 'f':
      return String(Number.parseFloat(String(value)));
    case 'j':
      return JSON.stringify(value) ?? 'undefined';
    case 'c':
      return '';
    default:
      return printed(value, kind === 'o' ? { depth: 4 } : {});
  }
}

/** Rows in a frame; what is not a table is printed. */
function tableOf(rows: unknown, columns?: readonly string[]): string {
  if (typeof rows !== 'object' || rows === null) return printed(rows);
  const names = new Set<string>(columns);
  let hasValues = false;
  const lines = Object.entries(rows).map(([index, row]): [string, Record<string, unknown>] => {
    if (typeof row !== 'object' || row === null) {
      hasValues = true;
      return [index, { Values: row }];
    }
    if (!columns) for (const name of Object.keys(row)) names.add(name);
    return [index, row];
  });
  const head = ['(index)', ...names, ...(hasValues ? ['Values'] : [])];
  const body = lines.map(([index, row]) => [
    index,
    ...head.slice(1).map((name) => (name in row ? printed(row[name], { depth: 0 }) : '')),
  ]);
  const widths = head.map(
    (name, i) => 2 + Math.max(name.length, ...body.map((row) => row[i]!.length)),
  );
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width)).join(middle) + right;
  const show = (cells: readonly string[]): string =>
    `│${cells.map((cell, i) => ` ${cell}`.padEnd(widths[i]!)).join('│')}│`;
  return [
    rule('┌', '┬', '┐'),
    show(head),
    rule('├', '┼', '┤'),
    ...body.map(show),
    rule('└', '┴', '┘'),
  ].join('\n');
}
