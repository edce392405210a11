import { rateGrid } from '../../course/experiments';

/** A rate that was chosen among those that were tried. */
export interface Choice {
  rate: number;
  /** Whether rates were tried on both sides of it. */
  interior: boolean;
  /** In the order of the rates. */
  tried: { rate: number; error: number }[];
}

const MOST_MOVES = 10;

/**
 * Outwards from the first rate by factors of √10, until the best one has a neighbour on both sides.
 *
 * @param score what is to be small; Infinity where nothing was run
 */
export async function searched(
  first: number,
  score: (rate: number) => Promise<number>,
): Promise<Choice> {
  const grid = rateGrid(1e-6, 1e3);
  const found = new Map<number, number>();
  let best = grid.indexOf(first);
  for (let moves = 0; moves < MOST_MOVES; moves++) {
    for (const at of [best, best - 1, best + 1]) {
      const rate = grid[at]!;
      if (!found.has(rate)) found.set(rate, await score(rate));
    }
    const around = [best, best - 1, best + 1];
    const errors = around.map((at) => found.get(grid[at]!)!);
    const next = around[errors.indexOf(Math.min(...errors))]!;
    if (next === best) break;
    best = next;
  }
  const tried = [...found]
    .map(([rate, error]) => ({ rate, error }))
    .filter(({ error }) => error < Infinity)
    .sort((a, b) => a.rate - b.rate);
  const rates = tried.map(({ rate }) => rate);
  const at = rates.indexOf(grid[best]!);
  return { rate: grid[best]!, interior: at > 0 && at < rates.length - 1, tried };
}
