import type { Operation } from './operations';

/** A tensor's place in the backend's memory. */
export type DataId = object;

/** Which entry of an operand belongs to entry i: i itself, the first, i modulo n, or i over n. */
export type Place = 'same' | 'first' | { modulo: number } | { over: number };

export interface Operand {
  readonly id: DataId;
  readonly at: Place;
}

/** An operation of entries that was asked for and has not run. */
export interface Deferred {
  readonly id: DataId;
  readonly operation: Operation;
  readonly operands: readonly Operand[];
  readonly size: number;
}

/** Finds what has not run yet. */
export type Lookup = (id: DataId) => Deferred | undefined;

/** One kernel for a deferred operation and all those that lead to it. */
export interface Listing {
  /** A statement for each value, the last of which is the result. */
  readonly lines: readonly string[];
  readonly result: string;
  /** The tensors that are read, by the names A, B, …. */
  readonly leaves: readonly DataId[];
  readonly operations: ReadonlySet<Operation>;
  /** The numbers n0, n1, … by which entries are found. */
  readonly divisors: readonly number[];
}

/** Letters of tensors that are read. */
export const LETTERS = 'ABCDEFGH';

/** The kernel of an operation at entry i, in which each value is computed once. */
export function listingOf(root: Omit<Deferred, 'id'>, lookup: Lookup): Listing {
  const lines: string[] = [];
  const leaves: DataId[] = [];
  const divisors: number[] = [];
  const operations = new Set<Operation>();
  const known = new Map<DataId, Map<string, string>>();

  const add = (expression: string) => {
    lines.push(`let v${lines.length} = ${expression};`);
    return `v${lines.length - 1}`;
  };
  const indexOf = (n: number, operator: string) => {
    let k = divisors.indexOf(n);
    if (k < 0) k = divisors.push(n) - 1;
    return `index ${operator} uniforms.n${k}`;
  };
  const place = (at: Place): string => {
    if (at === 'same') return 'index';
    if (at === 'first') return '0';
    return 'modulo' in at ? indexOf(at.modulo, '%') : indexOf(at.over, '/');
  };
  const read = (id: DataId, index: string) => {
    let k = leaves.indexOf(id);
    if (k < 0) k = leaves.push(id) - 1;
    return add(`f32(${LETTERS[k]}[${index}])`);
  };
  const computed = (of: Omit<Deferred, 'id'>, first: boolean): string => {
    operations.add(of.operation);
    const given = of.operands.map(({ id, at }) => value(id, first ? 'first' : at));
    return add(`entry${of.operation.name}(${given.join(', ')})`);
  };
  const value = (id: DataId, at: Place): string => {
    const index = place(at);
    const ofId = known.get(id) ?? new Map<string, string>();
    known.set(id, ofId);
    const before = ofId.get(index);
    if (before !== undefined) return before;
    const deferred = isInlined(at) ? lookup(id) : undefined;
    const found = deferred ? computed(deferred, at === 'first') : read(id, index);
    ofId.set(index, found);
    return found;
  };
  const result = computed(root, false);
  return { lines, result, leaves, operations, divisors };
}

/** Whether an operand at such a place may be computed where it is used. */
export const isInlined = (at: Place): boolean => at === 'same' || at === 'first';

/**
 * Where the entries of a tensor of one shape lie in a result of another to which it is broadcast, or
 * undefined where that takes more than one division.
 */
export function placeIn(shape: readonly number[], result: readonly number[]): Place | undefined {
  const size = product(shape);
  const all = product(result);
  if (size === all) return 'same';
  if (size === 1) return 'first';
  const padded = [...new Array<number>(result.length - shape.length).fill(1), ...shape];
  const from = padded.findIndex((n) => n !== 1);
  const to = padded.findLastIndex((n) => n !== 1) + 1;
  const agrees = result.slice(from, to).every((n, i) => n === padded[from + i]);
  if (!agrees) return undefined;
  if (product(result.slice(0, from)) * size === all) return { modulo: size };
  if (product(result.slice(to)) * size === all) return { over: all / size };
  return undefined;
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
