import type { FunctionBody, Local } from '../assembler';
import type { Expression } from './expression';

/**
 * How an input goes with the rows and columns that a loop runs over: an entry for each place, for
 * each column, for each row, or one for all.
 */
export type Pattern = 'place' | 'column' | 'row' | 'all';

/** What becomes of the value at each place. */
export type Into = 'places' | 'sum' | 'row sums' | 'row maxima' | 'column sums';

/** One loop over rows and columns. */
export interface Loop {
  expression: Expression;
  patterns: readonly Pattern[];
  into: Into;
}

/** Bytes of a row that are summed in float32; their sums are added in float64. */
export const BLOCK = 1024;

/** How numbers are read and written, four at a time or one. */
export const LANES = {
  4: { load: 'v128.load', store: 'v128.store' },
  1: { load: 'v128.load32_zero', store: 'v128.store32_lane' },
} as const;

/** Locals that one evaluation of an expression after the other uses: each asks for them from the first on. */
export function poolOf(f: FunctionBody): () => () => Local {
  const pool: Local[] = [];
  return () => {
    let used = 0;
    return () => {
      if (used === pool.length) pool.push(f.local('v128'));
      return pool[used++]!;
    };
  };
}
