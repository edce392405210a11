import { InputError } from '../../errors';
import { shown } from '../../options';
import type { OdeEvent } from './events';
import type { Jacobian } from './jacobian';
import type { TimeSpan } from './ode';

export interface RadauOptions extends TimeSpan {
  /** `∂f/∂y` as rows. Default: differences, n evaluations of f each time. */
  jacobian?: Jacobian;
  /** The relative part of the tolerance of a step, `absolute + relative |yᵢ|`. Default 1e-6. */
  relative?: number;
  /** Its absolute part, in the unit of y: one number, or one for each component. Default 1e-9. */
  absolute?: number | ArrayLike<number>;
  /** The first step. Default: a guess from y0 and f(y0). */
  step?: number;
  /** What to look for on the way. */
  events?: readonly OdeEvent[];
}

/** The absolute tolerance of each component. */
export function tolerances(
  { relative = 1e-6, absolute = 1e-9, step }: RadauOptions,
  count: number,
): Float64Array {
  const isList = Array.isArray(absolute) || ArrayBuffer.isView(absolute);
  const each =
    typeof absolute === 'number'
      ? new Float64Array(count).fill(absolute)
      : Float64Array.from(isList ? absolute : []);
  const sound = each.length === count && each.every((a) => Number.isFinite(a) && a > 0);
  if (!(typeof relative === 'number' && relative >= 1e-14 && relative < 1 && sound)) {
    throw new InputError({
      given: `radau({ relative: ${shown(relative)}, absolute: ${isList ? `[${[...each]}]` : shown(absolute)} })`,
      expected: 'a relative tolerance from 1e-14 to 1, and positive absolute ones',
      remedy: 'Try { relative: 1e-6, absolute: 1e-9 }; the absolute one is in the unit of y.',
    });
  }
  if (step !== undefined && !(Number.isFinite(step) && step > 0)) {
    throw new InputError({
      given: `radau({ step: ${shown(step)} })`,
      expected: 'a positive first step',
      remedy: 'Leave it out for a guess.',
    });
  }
  return each;
}
