import { checkTensors } from '../autodiff';
import { InputError, ShapeError } from '../errors';
import { checkMethods, checkRecord } from '../options';
import type { Vector } from '../spaces';

/**
 * @param batched whether the losses see batches
 * @throws InputError for a problem in the form that does not go with w.
 */
export function checkProblem(problem: unknown, w: Vector, batched: boolean): void {
  const isFloat64 = w instanceof Float64Array;
  if (isFloat64 && batched) {
    throw new InputError({
      given: 'batches for a problem in float64',
      expected: 'no batches',
      remedy:
        'Losses of tensors see batches; a float64 problem finds its own by the number of the step.',
    });
  }
  const names = isFloat64
    ? ['innerGradient', 'innerHessian', 'innerMixed', 'outer']
    : ['inner', 'outer'];
  checkMethods(problem, 'the problem', names);
}

/** @throws InputError, ShapeError or DisposedError unless w and λ are live vectors of one kind. */
export function checkPair(w: unknown, λ: unknown, what = 'the hyperparameters λ'): void {
  checkVector(w, 'the weights w');
  checkVector(λ, what);
  if (w instanceof Float64Array === λ instanceof Float64Array) return;
  throw new ShapeError({
    given: `weights and ${what.replace(/^the | λ$/g, '')} of two kinds`,
    expected: 'both as Float64Arrays or both as named tensors',
    remedy: 'A problem has derivatives in float64, or losses of named tensors.',
  });
}

function checkVector(x: unknown, what: string): void {
  if (x instanceof Float64Array) {
    if (x.length > 0) return;
    throw new InputError({
      given: `an empty array as ${what}`,
      expected: 'at least one number',
      remedy: 'There is nothing to differentiate otherwise.',
    });
  }
  checkTensors(x, what);
}

/** @throws InputError for a problem in the form that does not go with its vectors. */
export function requireFunctions<K extends string>(problem: Record<K, unknown>, names: K[]): void {
  checkRecord(problem, 'the problem', `the functions ${names.join(', ')}`);
  const missing = names.find((name) => typeof problem[name] !== 'function');
  if (missing === undefined) return;
  throw new InputError({
    given: `a problem without the function '${missing}'`,
    expected: `the functions ${names.join(', ')}`,
    remedy: 'Named tensors go with losses, Float64Arrays with derivatives.',
  });
}
