import type { Graph } from './graph';
import type { Tape } from './tape';

/** What the products of a recorded operator are made of. */
export interface Inside {
  /** Which product it is: `H v`. */
  product: string;
  tape: Tape;
  /** The recorded operations from the variables to what is differentiated. */
  path: Graph;
}

const insides = new WeakMap<object, () => Inside>();

/** Notes what an operator is made of, for `explain`; returns the operator. */
export function madeOf<T extends object>(operator: T, inside: () => Inside): T {
  insides.set(operator, inside);
  return operator;
}

/** What was noted of an operator. */
export const insideOf = (operator: unknown): (() => Inside) | undefined =>
  typeof operator === 'object' && operator !== null ? insides.get(operator) : undefined;
