import type { Random } from '../case';
import type { TypedCall } from '../typed';
import { Draws, type Maker } from './draws';
import { elementwise } from './elementwise';
import { movements } from './movements';
import { sums } from './sums';
import { windows } from './windows';

const makers: [string, Maker][] = [
  ...elementwise,
  ...Object.entries(movements),
  ...Object.entries(sums),
  ...Object.entries(windows),
];

/**
 * Random calls of each operation, the same for the same source of numbers.
 *
 * @param odd whether NaN, infinities and large integers may be drawn
 */
export function randomCalls(random: Random, each: number, odd = true): TypedCall[] {
  const d = new Draws(random, odd);
  return makers.flatMap(([name, make]) =>
    Array.from({ length: each }, () => ({ name, ...make(d) })),
  );
}
