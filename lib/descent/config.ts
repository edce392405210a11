import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { solverFromRecord } from '../solvers';
import type { AutoRate } from './rate';
import type { Schedule } from './schedule';
import type { ImplicitStepOptions } from './step-options';

/**
 * The optimizer as a plain record that a saved model can hold.
 *
 * TensorFlow.js respells strings when it saves, except under the key `name`; hence the records of
 * one name. Parameters are remembered by their places, since variables of a loaded model have
 * other names.
 *
 * @throws InputError where the choice of parameters has not met them yet, a rate or a schedule is a
 *   function, or the solver is made of more than its record holds, such as a preconditioner.
 */
export function configOf(
  learningRate: AutoRate,
  options: ImplicitStepOptions,
  places: readonly number[] | undefined,
): tf.serialization.ConfigDict {
  const { curvature, solver, parameters, others, schedule, ...numbers } = options;
  if (parameters !== undefined && places === undefined && !('places' in parameters)) {
    throw new InputError({
      given: 'an optimizer with chosen parameters that has taken no step yet',
      expected: 'an optimizer that has taken a step',
      remedy: 'Take a step (fit) before saving: parameters are saved by their places.',
    });
  }
  if (typeof learningRate === 'function' || typeof schedule === 'function') {
    throw new InputError({
      given: `a ${typeof learningRate === 'function' ? 'learning rate' : 'schedule'} that is a function`,
      expected: 'numbers and records, which can be saved',
      remedy: 'Take a number and a schedule made by warmUp(), cosine(), drops() or inverseTime().',
    });
  }
  const config = {
    ...numbers,
    learningRate,
    curvature: curvature && { name: curvature },
    others: others && { name: others },
    solver: solver && { ...solver },
    schedule: schedule && { ...schedule },
    parameters: parameters && {
      places: places ?? ('places' in parameters ? parameters.places : []),
    },
  };
  const record = JSON.parse(JSON.stringify(config));
  // What cannot be restored is refused now, not when the saved model is loaded.
  fromConfig(record);
  return record;
}

/** What {@link configOf} recorded, as arguments of the constructor. */
export function fromConfig(
  config: tf.serialization.ConfigDict,
): [number | 'auto', ImplicitStepOptions] {
  // TensorFlow.js passes the classes that it knows next to what was saved.
  const { learningRate, customObjects: _, ...saved } = config as typeof config & Saved;
  const { curvature, others, solver, ...same } = saved;
  const options: ImplicitStepOptions = same;
  if (curvature) options.curvature = curvature.name;
  if (others) options.others = others.name;
  if (solver) options.solver = solverFromRecord(solver);
  return [learningRate, options];
}

/** A config as JSON holds it; what is not named here is a number or a truth value, kept as it is. */
interface Saved {
  learningRate: number | 'auto';
  customObjects?: unknown;
  curvature?: { name: NonNullable<ImplicitStepOptions['curvature']> };
  others?: { name: NonNullable<ImplicitStepOptions['others']> };
  solver?: { name: string };
  schedule?: Schedule;
  parameters?: { places: number[] };
}
