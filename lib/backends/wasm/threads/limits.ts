/**
 * From this much work on, a loop is shared, in additions of two numbers in memory: some .3 ms on one thread, since it
 * takes up to .1 ms until others have woken up.
 */
export const LEAST_WORK = 2 ** 19;

/** Milliseconds that long loops have taken on one thread before others are started: this costs as much. */
export const WORTH_STARTING = 50;

/** Entries or rows that a share is a multiple of: four rows summed together are added in another order than alone. */
export const UNIT = 16;

/** So many rows at least are shared by rows. */
export const LEAST_ROWS = 8 * UNIT;
