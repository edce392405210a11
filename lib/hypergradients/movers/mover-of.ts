import { InputError } from '../../errors';
import type { Method } from '../../methods';
import type { NamedTensors, Vector } from '../../spaces';
import { controlMover } from './control-mover';
import { MethodMover } from './method-mover';
import type { Mover, OuterOptimizer } from './mover';
import { isStepping, OptimizerMover } from './optimizer-mover';
import type { Place } from './place';
import type { StepControl } from './step-control';

/** @throws InputError for a `tf.Optimizer` on float64. */
export function moverOf<V extends Vector>(optimizer: OuterOptimizer, place: Place<V>): Mover<V>;
export function moverOf(
  optimizer: OuterOptimizer,
  place: Place<Float64Array> | Place<NamedTensors>,
): Mover<Float64Array> | Mover<NamedTensors> {
  if (isOfTensors(place)) {
    if (isControl(optimizer)) return controlMover(optimizer, place);
    if (isMethod(optimizer)) return new MethodMover(optimizer, place);
    return new OptimizerMover(optimizer, place);
  }
  if (isControl(optimizer)) return controlMover(optimizer, place);
  if (isMethod(optimizer)) return new MethodMover(optimizer, place);
  throw new InputError({
    given: 'an optimizer of TensorFlow.js for a problem in float64',
    expected: 'a method such as gradientDescent(0.1) or adam(1e-2)',
    remedy: 'Optimizers move variables, not Float64Arrays.',
  });
}

const isOfTensors = (
  place: Place<Float64Array> | Place<NamedTensors>,
): place is Place<NamedTensors> => !(place.value instanceof Float64Array);

const isMethod = (x: OuterOptimizer): x is Method => typeof (x as Method).on === 'function';
const isControl = (x: OuterOptimizer): x is StepControl =>
  (x as StepControl).name === 'stepControl';

/** What is asked of an optimizer of TensorFlow.js. */
const OF_AN_OPTIMIZER = [
  ...['minimize', 'applyGradients', 'getWeights', 'setWeights', 'getClassName'],
];

/** Whether `x` can move anything. */
export function isOptimizer(x: unknown): boolean {
  const given = (x ?? {}) as Readonly<Record<string, unknown>>;
  const has = (name: string) => typeof given[name] === 'function';
  if (given.name === 'stepControl') return has('next');
  return has('on') || OF_AN_OPTIMIZER.every(has);
}

/** Whether an optimizer can move anything by a gradient alone. */
export const livesOnGradients = (optimizer: OuterOptimizer): boolean =>
  isControl(optimizer) || isMethod(optimizer) || !isStepping(optimizer);
