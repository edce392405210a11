import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { solverFromRecord } from '../solvers';
import type { ImplicitSgdOptions } from './implicit-sgd';
import type { Schedule } from './schedule';

/**
 * The optimizer as a plain record that a saved model can hold.
 *
 * TensorFlow.js respells strings when it saves, except under the key `name`; hence the records of
 * one name. Parameters are remembered by their places, since variables of a loaded model have
 * other names.
 *
 * @throws InputError where the choice of parameters has not met them yet, or the solver is made of
 *   more than its record holds, such as a preconditioner.
 */
export function configOf(
  learningRate: number,
  options: ImplicitSgdOptions,
  places: readonly number[] | undefined,
): tf.serialization.ConfigDict {
  const { curvature, solver, parameters, others, schedule, exact } = options;
  if (parameters !== undefined && places === undefined && !('places' in parameters)) {
    throw new InputError({
      given: 'an optimizer with chosen parameters that has taken no step yet',
      expected: 'one that has met its parameters',
      remedy: 'Take a step (fit) before saving: parameters are saved by their places.',
    });
  }
  const config = {
    learningRate,
    curvature: curvature && { name: curvature },
    others: others && { name: others },
    solver: solver && { ...solver },
    schedule: schedule && { ...schedule },
    parameters: parameters && {
      places: places ?? ('places' in parameters ? parameters.places : []),
    },
    exact,
  };
  const record = JSON.parse(JSON.stringify(config));
  // What cannot be restored is refused now, not when the saved model is loaded.
  fromConfig(record);
  return record;
}

/** What {@link configOf} recorded, as arguments of the constructor. */
export function fromConfig(config: tf.serialization.ConfigDict): [number, ImplicitSgdOptions] {
  const saved = config as unknown as Saved;
  const options: ImplicitSgdOptions = {};
  if (saved.curvature) options.curvature = saved.curvature.name;
  if (saved.others) options.others = saved.others.name;
  if (saved.solver) options.solver = solverFromRecord(saved.solver);
  if (saved.schedule) options.schedule = saved.schedule;
  if (saved.parameters) options.parameters = saved.parameters;
  if (saved.exact !== undefined) options.exact = saved.exact;
  return [saved.learningRate, options];
}

interface Saved {
  learningRate: number;
  curvature?: { name: NonNullable<ImplicitSgdOptions['curvature']> };
  others?: { name: NonNullable<ImplicitSgdOptions['others']> };
  solver?: { name: string };
  schedule?: Schedule;
  parameters?: { places: number[] };
  exact?: boolean;
}
