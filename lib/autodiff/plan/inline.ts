import type { Instruction } from '../program';
import { Sum } from './sum';
import { Multiple, type Term } from './terms';

/**
 * Puts sums that one other sum alone reads in their place in that one.
 *
 * A chain of functions applied entry by entry so becomes one multiplication, and a weight's gradient,
 * which a recording adds up two by two, one sum.
 *
 * @param ends slots that are read from outside
 */
export function inlined(
  instructions: readonly Instruction[],
  ends: ReadonlySet<number | undefined>,
): Instruction[] {
  const readers = new Map<number, number>();
  for (const slot of instructions.flatMap(({ reads }) => reads)) {
    readers.set(slot, (readers.get(slot) ?? 0) + 1);
  }
  const open = new Map<number, Sum>();
  const result = new Set<Instruction>();
  for (const instruction of instructions) {
    if (!(instruction instanceof Sum)) {
      result.add(instruction);
      continue;
    }
    const terms = instruction.terms.flatMap((term) => {
      const inner = open.get(term.slot);
      const replacement = inner && replaced(term, inner.terms);
      if (inner && replacement) result.delete(inner);
      return replacement ?? [term];
    });
    const sum = new Sum(instruction.slot, terms);
    result.add(sum);
    if (readers.get(sum.slot) === 1 && !ends.has(sum.slot)) open.set(sum.slot, sum);
  }
  return [...result];
}

/** A term of a sum as terms of that sum's own, where this is no more work. */
function replaced(term: Term, inner: readonly Term[]): readonly Term[] | undefined {
  if (!(term instanceof Multiple)) return undefined;
  if (term.factor === 1) return inner;
  const multiples = inner.filter((each) => each instanceof Multiple);
  if (multiples.length < inner.length) return undefined;
  if (multiples.length > 1 && term.factor !== -1) return undefined;
  return multiples.map((each) => term.after(each));
}
