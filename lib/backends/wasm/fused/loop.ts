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

export const loadSplat = [0xfd, 0x09, 2, 0];

export const [OUT, ROWS, COLUMNS, INPUT] = [0, 1, 2, 3];
/** Bytes of a row that are summed in float32; their sums are added in float64. */
export const BLOCK = 1024;
