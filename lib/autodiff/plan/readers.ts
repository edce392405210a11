import type { Instruction } from '../program';

/** Slots that are inputs or outputs of a program. */
export type Ends = ReadonlySet<number | undefined>;

/** How often each slot is read, the reading of an end from outside included. */
export function countReaders(
  instructions: readonly Instruction[],
  ends: Ends,
): ReadonlyMap<number | undefined, number> {
  const readers = new Map<number | undefined, number>();
  for (const slot of [...ends, ...instructions.flatMap(({ reads }) => reads)]) {
    readers.set(slot, (readers.get(slot) ?? 0) + 1);
  }
  return readers;
}
