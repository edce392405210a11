import { isTensor, isTypedArray } from './describe';

type Numbers = number[] | Float64Array;

/** An array of numbers in some argument, and a copy of it as it was. */
interface Kept {
  argument: number;
  array: Numbers;
  copy: Numbers;
}

const DEEPEST = 6;

/**
 * The numbers in some arguments, so that a function which works in place can be found out and its
 * arguments put right again.
 *
 * Arrays that have grown or shrunk meanwhile are left alone: they may be someone's records.
 */
export class Snapshot {
  private readonly kept: Kept[] = [];

  constructor(args: readonly unknown[]) {
    const seen = new Set<object>();
    for (const [argument, value] of args.entries()) this.keep(argument, value, seen, 0);
  }

  /** The first argument of which a number has changed. */
  firstChange(): number | undefined {
    return this.kept.find(({ array, copy }) => hasChanged(array, copy))?.argument;
  }

  restore(): void {
    for (const { array, copy } of this.kept) {
      if (hasChanged(array, copy)) for (const [i, x] of copy.entries()) array[i] = x;
    }
  }

  private keep(argument: number, value: unknown, seen: Set<object>, depth: number) {
    if (typeof value !== 'object' || value === null || depth > DEEPEST) return;
    if (seen.has(value) || isTensor(value)) return;
    seen.add(value);
    const isNumbers = isTypedArray(value) || (Array.isArray(value) && value.every(isNumber));
    if (isNumbers) this.kept.push({ argument, array: value, copy: value.slice() });
    else for (const member of Object.values(value)) this.keep(argument, member, seen, depth + 1);
  }
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

const hasChanged = (array: Numbers, copy: Numbers) =>
  array.length === copy.length && copy.some((x, i) => !Object.is(x, array[i]));
