import type { Instruction } from '../program';
import { countReaders, type Ends } from './readers';
import { Sum } from './sum';
import { Multiple, type Term } from './terms';

/**
 * Puts sums that one other sum alone reads in their place in that one.
 *
 * A chain of functions applied entry by entry so becomes one multiplication, and a weight's gradient,
 * which a recording adds up two by two, one sum.
 */
export function inlined(instructions: readonly Instruction[], ends: Ends): Instruction[] {
  const readers = countReaders(instructions, ends);
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
    if (readers.get(sum.slot) === 1) open.set(sum.slot, sum);
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
