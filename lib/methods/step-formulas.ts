import type { StepUpdates } from '../autodiff';
import type { TracedOperation, TracedStep } from './trace-step';

/** What is computed for each entry, of vectors and numbers by their places. */
export type Formula = StepUpdates['next'][number]['formula'];

export const vector = (index: number): Formula => ({ kind: 'vector', index });

export const apply = (
  name: Extract<Formula, { kind: 'apply' }>['name'],
  ...of: Formula[]
): Formula => ({ kind: 'apply', name, of });

/**
 * What is at the places of a step, in the order in which `flatArithmetic` computes: to the last bit the
 * same. By the vectors of the state alone; or by the gradient after them too, and the point where it is
 * taken after that, unless that is one of the state.
 *
 * @param names of the vectors of the state
 */
export function stepFormulas(
  { operations, point, gradient }: TracedStep,
  names: readonly string[],
): Record<'ofState' | 'after', (place: number) => Formula> {
  const state = names.length;
  const formulas = (known: Map<number, Formula>) => {
    const of = (place: number): Formula => {
      const found = known.get(place) ?? computed(operations.get(place)!, of);
      known.set(place, found);
      return found;
    };
    return of;
  };
  const vectors = () => new Map(names.map((_, i) => [i, vector(i)]));
  const known = vectors().set(gradient, vector(state));
  if (point >= state) known.set(point, vector(state + 1));
  return { ofState: formulas(vectors()), after: formulas(known) };
}

function computed(
  { kind, of, numbers }: TracedOperation,
  formulaOf: (x: number) => Formula,
): Formula {
  const number = (i: number): Formula => ({ kind: 'number', index: numbers + i });
  const operands = of.map(formulaOf);
  const [a, b] = operands;
  switch (kind) {
    case 'combine':
      return operands
        .map((x, i) => apply('multiply', x, number(i)))
        .reduce((sum, term) => apply('add', sum, term));
    case 'multiply':
      return apply('multiply', a!, b!);
    case 'divide':
      return apply('quotient', a!, b!);
    case 'sqrt':
      return apply('root', a!);
    case 'shift':
      return apply('add', a!, number(0));
  }
}
