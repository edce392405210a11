import type { Pattern } from '../../backends/wasm/fused/loop';
import { type Operand, operandsOf, type Step } from './steps';
import type { Value } from './value';

/**
 * Steps from one to another that treat each row by itself: they are done for some rows after the other,
 * whose numbers stay in the cache from step to step.
 */
export interface Section {
  from: number;
  /** After the last one. */
  to: number;
  rows: number;
  /** How many of them at a time; fewer at the end. */
  atOnce: number;
  /** What is needed within it alone: memory for the rows of one block is enough. */
  within: ReadonlySet<Value>;
}

/** Values of fewer numbers stay in a cache of some megabytes as they are. */
const LEAST_SIZE = 2 ** 19;

/** The fewest rows that a library multiplies at nearly its full speed, and how many numbers the cache of a core holds. */
const [LEAST_ROWS, NUMBERS] = [256, 3 * 2 ** 17];

/** How a step goes along with rows: how many numbers of each operand, and of the result, one row has. */
interface RowWise {
  rows: number;
  out: number;
  /** 0 for what each row reads as a whole. */
  operands: readonly number[];
}

/**
 * The sections of a list of steps, in order.
 *
 * @param neededAfter what is handed out, or kept
 * @param threads that share loops, each with a cache of its own
 */
export function sectionsOf(
  steps: readonly Step[],
  neededAfter: (value: Value) => boolean,
  threads: number,
): Section[] {
  const found: Section[] = [];
  let from = 0;
  while (from < steps.length) {
    const to = endOf(steps, from);
    if (to - from > 1) found.push(sectionOf(steps, { from, to }, neededAfter, threads));
    from = Math.max(to, from + 1);
  }
  return found;
}

/** Where the section ends that begins with a step: there if that is in none. */
function endOf(steps: readonly Step[], from: number): number {
  const rows = rowsOf(steps, from);
  const written = new Set<Value>();
  let to = from;
  if (rows === undefined) return from;
  for (; to < steps.length; to++) {
    const step = steps[to]!;
    const how = rowWise(step, rows);
    if (how === undefined || !readsOwnRows(step, how, written)) break;
    written.add(step.out);
  }
  return to;
}

/** How many rows the section would have that a step begins: those of its first product, if that is large. */
function rowsOf(steps: readonly Step[], from: number): number | undefined {
  let at = from;
  while (steps[at]?.kind === 'loop') at++;
  const product = steps[at];
  if (product?.kind !== 'product' || product.out.size < LEAST_SIZE) return undefined;
  return product.m;
}

/** Undefined for a step that does not treat each of so many rows by itself. */
function rowWise(step: Step, rows: number): RowWise | undefined {
  if (rows < 2 * LEAST_ROWS) return undefined;
  if (step.kind === 'product') {
    const { transposeA, m, n, k } = step;
    return transposeA || m !== rows ? undefined : { rows, out: n, operands: [k, 0] };
  }
  if (step.kind !== 'loop' || step.from) return undefined;
  const isFlat = step.rows === 1 && step.into === 'places' && step.columns % rows === 0;
  if (!isFlat && step.rows !== rows) return undefined;
  if (step.into === 'sum' || step.into === 'column sums') return undefined;
  const columns = isFlat ? step.columns / rows : step.columns;
  const numbers: Record<Pattern, number> = isFlat
    ? { place: columns, column: columns, row: 0, all: 0 }
    : { place: columns, column: 0, row: 1, all: 0 };
  const out = step.into === 'places' ? columns : 1;
  if (step.out.size !== rows * out) return undefined;
  return { rows, out, operands: step.patterns.map((pattern) => numbers[pattern]) };
}

/** Whether what the section writes is read row by row. */
function readsOwnRows(step: Step, { rows, operands }: RowWise, written: ReadonlySet<Value>) {
  return operandsOf(step).every(
    ({ value, from }, i) =>
      !written.has(value) || (from === 0 && operands[i]! * rows === value.size),
  );
}

function sectionOf(
  steps: readonly Step[],
  { from, to }: { from: number; to: number },
  neededAfter: (value: Value) => boolean,
  threads: number,
): Section {
  const all = steps.slice(from, to);
  const rows = rowsOf(steps, from)!;
  const readAfter = new Set(steps.slice(to).flatMap((step) => valuesOf(operandsOf(step))));
  const written = all.map(({ out }) => out);
  const within = new Set(written.filter((value) => !neededAfter(value) && !readAfter.has(value)));
  // Of what is needed within a block alone, a few are there at the same time.
  const whole = new Set<Value>();
  let widest = 0;
  for (const step of all) {
    const { out, operands } = rowWise(step, rows)!;
    operandsOf(step).forEach(({ value }, i) => {
      if (operands[i]! > 0 && !within.has(value)) whole.add(value);
    });
    if (within.has(step.out)) widest = Math.max(widest, out);
    else whole.add(step.out);
  }
  const outside = [...whole].reduce((sum, { size }) => sum + size / rows, 0);
  const perRow = outside + 2 * widest;
  const most = Math.max(LEAST_ROWS, (threads * NUMBERS) / perRow);
  const blocks = Math.max(1, Math.round(rows / most));
  return { from, to, rows, atOnce: UNIT * Math.ceil(rows / blocks / UNIT), within };
}

/** Rows that a block is a multiple of. */
const UNIT = 16;

const valuesOf = (operands: readonly Operand[]) => operands.map(({ value }) => value);

/** A step for some of the rows of a section, and where their numbers begin. */
export interface Part {
  step: Step;
  /** How many numbers after the start of the result, and of each operand. */
  out: number;
  operands: readonly number[];
}

/** The steps of a section in the order in which they are done. */
export function* partsOf(steps: readonly Step[], section: Section): Generator<Part> {
  const { from, to, rows, atOnce, within } = section;
  for (let first = 0; first < rows; first += atOnce) {
    const count = Math.min(atOnce, rows - first);
    for (const step of steps.slice(from, to)) {
      const { out, operands } = rowWise(step, rows)!;
      const begin = (value: Value, numbers: number) => (within.has(value) ? 0 : first * numbers);
      yield {
        step: withRows(step, rows, count),
        out: begin(step.out, out),
        operands: operandsOf(step).map(({ value }, i) => begin(value, operands[i]!)),
      };
    }
  }
}

function withRows(step: Step, rows: number, count: number): Step {
  if (step.kind === 'product') return { ...step, m: count };
  if (step.kind !== 'loop') return step;
  return step.rows === 1
    ? { ...step, columns: (step.columns / rows) * count }
    : { ...step, rows: count };
}
