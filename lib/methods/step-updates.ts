import type { StepUpdates } from '../autodiff';
import type { TracedOperation, TracedStep } from './trace-step';

type Formula = StepUpdates['next'][number]['formula'];

const vector = (index: number): Formula => ({ kind: 'vector', index });
const apply = (name: Extract<Formula, { kind: 'apply' }>['name'], ...of: Formula[]): Formula => ({
  kind: 'apply',
  name,
  of,
});

/**
 * What a step computes of each entry, in the order in which `flatArithmetic` does: to the last bit the
 * same.
 *
 * @param names of the vectors of the state
 * @returns undefined where the next state has other vectors than the one before, or the step no numbers
 */
export function stepUpdates(
  { operations, numbers, point, gradient, next }: TracedStep,
  names: readonly string[],
): StepUpdates | undefined {
  if (Object.keys(next).join() !== names.join() || numbers.length === 0) return undefined;
  const state = names.length;
  const formulas = (known: Map<number, Formula>) => {
    const of = (place: number): Formula => {
      const found = known.get(place) ?? computed(operations.get(place)!, of);
      known.set(place, found);
      return found;
    };
    return of;
  };
  const ofState = () => new Map(names.map((_, i) => [i, vector(i)]));
  const known = ofState().set(gradient, vector(state));
  if (point >= state) known.set(point, vector(state + 1));
  const after = formulas(known);
  return {
    state,
    numbers: numbers.length,
    point: point < state ? point : formulas(ofState())(point),
    next: names.flatMap((name, to) =>
      next[name] === to ? [] : [{ to, formula: after(next[name]!) }],
    ),
  };
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
