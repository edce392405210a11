import type * as tf from '@tensorflow/tfjs';
import { checkTensors } from '../autodiff';
import { NotFiniteError } from '../errors';
import { checkFloat64, settled } from '../options';
import { float64 as space } from '../spaces';

/** A convex set of vectors, given by the projection onto it. */
export interface Constraint {
  readonly name: string;
  /**
   * The nearest point of the set, `P(x) = argmin_{y ∈ C} ‖y − x‖₂`.
   *
   * On tensors it can be differentiated, in x and in bounds that are tensors, wherever P has a
   * derivative; elsewhere, where x is on a bound, it takes that of one side.
   *
   * @throws InputError or NotFiniteError for anything but a vector of finite numbers, except that a NaN in
   *   a tensor, which is not read, comes back as one.
   */
  project(x: Float64Array): Float64Array;
  project<T extends tf.Tensor>(x: T): T;
  /**
   * `v ↦ P′(x) v`; P′ is symmetric, so it is its own transpose.
   *
   * @throws InputError, ShapeError or NotFiniteError for anything but arrays of one length, x of finite numbers.
   */
  derivative(x: Float64Array): (v: Float64Array) => Float64Array;
}

/** The two forms of a projection. */
interface Forms {
  float64(x: Float64Array): Float64Array;
  tensor(x: tf.Tensor): tf.Tensor;
  derivative: Constraint['derivative'];
}

/** Joins a record and its functions to a value that prints as the record. */
export function constraintOf<R extends { readonly name: string }>(
  record: R,
  { float64, tensor, derivative }: Forms,
): R & Constraint {
  const project = (x: Float64Array | tf.Tensor) => {
    if (x instanceof Float64Array) {
      checkFinite(x, record.name);
      return float64(x);
    }
    checkTensors({ x }, `what ${record.name} projects`);
    return tensor(x);
  };
  const constraint = Object.defineProperties({ ...record } as R & Constraint, {
    project: { value: project },
    derivative: {
      value(x: Float64Array) {
        checkFloat64(x, `the place of a derivative of ${record.name}`);
        checkFinite(x, record.name);
        const product = derivative(x.slice());
        return (v: Float64Array) => {
          space.check(v, x, `the direction of a derivative of ${record.name}`);
          return product(v);
        };
      },
    },
  });
  return settled(constraint, `the constraint ${record.name}`);
}

function checkFinite(x: Float64Array, name: string): void {
  if (x.every(Number.isFinite)) return;
  throw new NotFiniteError({
    given: `a vector with ${x.find((value) => !Number.isFinite(value))} for the projection ${name}`,
    expected: 'finite numbers',
    remedy: 'Look for a step that was too long.',
  });
}
