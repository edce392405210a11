import type { StepUpdates } from '../autodiff';
import { apply, type Formula, stepFormulas, vector } from './step-formulas';
import type { TracedStep } from './trace-step';

/** A step forwards, and the way back through it, entry by entry. */
export type StepAdjoints = Pick<StepUpdates, 'state' | 'numbers' | 'point'> & {
  /**
   * The next state in its order. Vectors are places: those of the state, the gradient, the point where it
   * is taken.
   */
  next: readonly Formula[];
  /**
   * The adjoint of the gradient; there are the adjoints of the next state too, after the other places.
   */
  ofGradient: Formula;
  /** The adjoints of the state; there are `H u` too, and that is the last place. */
  before: readonly Formula[];
  /** Whether the way back reads the gradient. */
  readsGradient: boolean;
};

/**
 * The way back through a step, in the order in which a recorded step goes: to the last bit the same.
 *
 * @param names of the vectors of the state
 * @returns undefined where the next state has other vectors than the one before, the step no numbers, or
 *   something no adjoint
 */
export function stepAdjoints(step: TracedStep, names: readonly string[]): StepAdjoints | undefined {
  const { operations, numbers, point, gradient, next } = step;
  if (Object.keys(next).join() !== names.join() || numbers.length === 0) return undefined;
  const state = names.length;
  const { ofState, after: formulaOf } = stepFormulas(step, names);
  const adjoints = new Map<number, Formula>();
  const add = (place: number, u: Formula) => {
    const before = adjoints.get(place);
    adjoints.set(place, before === undefined ? u : apply('add', before, u));
  };
  for (const [i, name] of names.entries()) add(next[name]!, vector(state + 2 + i));
  let ofGradient: Formula | undefined;
  for (let place = state + operations.size; place >= state; place--) {
    const u = adjoints.get(place);
    if (u === undefined) continue;
    if (place === gradient) {
      ofGradient = u;
      add(point, vector(2 * state + 2));
      continue;
    }
    const { kind, of, numbers: first } = operations.get(place)!;
    const [x, y] = of as [number, number];
    switch (kind) {
      case 'combine':
        for (const [i, term] of of.entries()) {
          add(term, apply('multiply', u, { kind: 'number', index: first + i }));
        }
        break;
      case 'multiply':
        add(x, apply('multiply', u, formulaOf(y)));
        add(y, apply('multiply', u, formulaOf(x)));
        break;
      case 'divide': {
        const share = apply('quotient', u, formulaOf(y));
        add(x, share);
        const product = apply('multiply', share, formulaOf(place));
        add(y, apply('multiply', product, constant(-1)));
        break;
      }
      case 'sqrt':
        add(x, apply('multiply', apply('quotient', u, formulaOf(place)), constant(0.5)));
        break;
      case 'shift':
        add(x, u);
    }
  }
  const before = names.map((_, i) => adjoints.get(i));
  if (ofGradient === undefined || !before.every((formula) => formula !== undefined)) {
    return undefined;
  }
  return {
    state,
    numbers: numbers.length,
    point: point < state ? point : ofState(point),
    next: names.map((name) => formulaOf(next[name]!)),
    ofGradient,
    before,
    readsGradient: [ofGradient, ...before].some((formula) => reads(formula, state)),
  };
}

const constant = (value: number): Formula => ({ kind: 'constant', value });

/** Whether a formula reads a vector. */
function reads(formula: Formula, index: number, seen = new Set<Formula>()): boolean {
  if (formula.kind === 'vector') return formula.index === index;
  if (formula.kind !== 'apply' || seen.has(formula)) return false;
  seen.add(formula);
  return formula.of.some((each) => reads(each, index, seen));
}
