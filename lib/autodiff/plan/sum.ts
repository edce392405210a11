import type { Instruction } from '../program';
import type { Values } from '../values';
import { Multiple, type Term } from './terms';

/** One slot as a sum of linear functions of others. */
export class Sum implements Instruction {
  readonly slot: number;
  readonly terms: readonly Term[];
  readonly reads: readonly number[];
  readonly writes: readonly [number];

  constructor(slot: number, terms: readonly Term[]) {
    this.slot = slot;
    this.terms = terms;
    this.reads = terms.map(({ slot }) => slot);
    this.writes = [slot];
  }

  push(values: Values): void {
    for (const term of this.terms) {
      values.put(this.slot, term.push(values.get(term.slot)!, values.get(this.slot)));
    }
  }

  pull(values: Values): void {
    const cotangent = values.get(this.slot);
    if (cotangent === undefined) return;
    for (const term of this.terms) {
      values.put(term.slot, term.pull(cotangent, values.get(term.slot)));
    }
  }
}

/** The same with the terms of each sum in the order in which they cost least to add. */
export const ordered = (instructions: readonly Instruction[]): Instruction[] =>
  instructions.map((each) =>
    each instanceof Sum
      ? new Sum(
          each.slot,
          [...each.terms].sort((a, b) => rank(a) - rank(b)),
        )
      : each,
  );

/** A tensor as it is can be added to for nothing; products and multiples take an addend along. */
function rank(term: Term): number {
  if (!(term instanceof Multiple)) return 3;
  return term.factor === 1 ? 0 : term.factor === -1 ? 2 : 1;
}
