import { InputError } from '../../errors';
import { checkNoMore, checkOptionNames, checkRecord, settled, shown } from '../../options';

/** What is known where the hyperparameters are about to be moved. */
export interface OuterFacts {
  /** The outer loss, and the norm of its gradient. */
  loss: number;
  norm: number;
  /** εₖ: how exact the hypergradient is. */
  tolerance: number;
}

export interface StepControlOptions {
  /** How far the first step moves λ, `‖λ₂ − λ₁‖₂`. Default 1: a factor e of a penalty by its logarithm. */
  first?: number;
  /** What the step is multiplied by where the loss falls as it should. Default 1.05. */
  grow?: number;
  /** What it is multiplied by where the loss has risen. Default .5. */
  shrink?: number;
}

/** What is remembered from one outer step to the next. */
export interface ControlMemory {
  /** t, the factor of the hypergradient; 0 before the first step. */
  step: number;
  loss: number;
  tolerance: number;
  /** `‖λₖ₊₁ − λₖ‖₂`. */
  moved: number;
  /** The longest move so far. */
  longest: number;
}

export interface StepControl extends Required<StepControlOptions> {
  readonly name: 'stepControl';
  /** The memory after a step, its `step` the factor of the hypergradient to move by. */
  next(memory: ControlMemory, facts: OuterFacts): ControlMemory;
}

/**
 * Outer steps `λ ← λ − t dg/dλ` whose t follows the outer loss, as in HOAG: pass it as the outer
 * optimizer.
 *
 * With Δ the length of the last move and ε the tolerances, t grows if
 * `gₖ ≤ gₖ₋₁ + εₖ + εₖ₋₁ (1 + Δ) − Δ²/(2t)`, what a function of slope 1/t promises up to the errors
 * made; it shrinks if `gₖ > gₖ₋₁`, and stays otherwise. No step is taken back, and none is more
 * than twice as long as all before: a first slope that was small by chance would make t huge.
 *
 * When not to use it: with batches, whose losses rise and fall by chance.
 *
 * @throws InputError for options out of range, and from `next` for a memory or facts that are not numbers.
 * @see Pedregosa, [Hyperparameter optimization with approximate
 *   gradient](https://arxiv.org/abs/1602.02355), 2016, and its
 *   [code](https://github.com/fabianp/hoag); the first step there is shorter the more
 *   hyperparameters there are.
 */
export function stepControl(options: StepControlOptions = {}): StepControl {
  checkNoMore('stepControl', arguments, 1);
  checkOptionNames('stepControl', options, ['first', 'grow', 'shrink']);
  const { first = 1, grow = 1.05, shrink = 0.5 } = options;
  const inRange =
    [first, grow, shrink].every(Number.isFinite) &&
    first > 0 &&
    first < Number.POSITIVE_INFINITY &&
    grow >= 1 &&
    grow < 10 &&
    shrink > 0 &&
    shrink < 1;
  if (!inRange) {
    throw new InputError({
      given: `stepControl({ first: ${shown(first)}, grow: ${shown(grow)}, shrink: ${shown(shrink)} })`,
      expected: 'first > 0, 1 ≤ grow < 10 and 0 < shrink < 1',
      remedy: 'Leave out what you do not want to change.',
    });
  }
  const next: StepControl['next'] = (memory, facts) => {
    checkMemory(memory);
    checkNumbers(facts, 'the facts of a step control', ['loss', 'norm', 'tolerance']);
    const { loss, norm, tolerance } = facts;
    if (norm === 0) return { ...memory, loss, tolerance, moved: 0 };
    const begun = memory.step > 0;
    const wanted = begun ? memory.step * factorFor(memory, loss, tolerance) : first / norm;
    const step = begun ? Math.min(wanted, (2 * memory.longest) / norm) : wanted;
    const moved = step * norm;
    return { step, loss, tolerance, moved, longest: Math.max(moved, memory.longest) };
  };
  const factorFor = (last: ControlMemory, loss: number, tolerance: number) => {
    const allowance = tolerance + last.tolerance * (1 + last.moved);
    if (loss <= last.loss + allowance - last.moved ** 2 / (2 * last.step)) return grow;
    return loss > last.loss ? shrink : 1;
  };
  const record = { name: 'stepControl' as const, first, grow, shrink };
  const control = Object.defineProperty(record, 'next', { value: next }) as StepControl;
  return settled(control, 'stepControl()');
}

export const startControl = (): ControlMemory => ({
  step: 0,
  loss: 0,
  tolerance: 0,
  moved: 0,
  longest: 0,
});

/** @throws InputError unless it is the memory of a step control, in finite numbers. */
export const checkMemory = (memory: ControlMemory): void =>
  checkNumbers(memory, 'the memory of a step control', Object.keys(startControl()));

/** @throws InputError unless the value is a record whose entries of these names are finite numbers. */
function checkNumbers(value: object, what: string, names: readonly string[]): void {
  checkRecord(value, what, `{ ${names.join(', ')} }`);
  const record = value as Record<string, unknown>;
  const odd = names.find((name) => !Number.isFinite(record[name]));
  if (odd === undefined) return;
  throw new InputError({
    given: `${shown(record[odd])} as '${odd}' in ${what}`,
    expected: `finite numbers { ${names.join(', ')} }`,
    remedy: 'Hand over what next() returned before; it starts from zeros.',
  });
}
