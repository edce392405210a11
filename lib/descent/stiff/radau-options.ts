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
  // Entries as they are: one that is not a number may not even bear to be turned into one.
  const list: unknown[] =
    typeof absolute === 'number'
      ? new Array(count).fill(absolute)
      : Array.from(isList ? (absolute as ArrayLike<unknown>) : []);
  const isRelative = typeof relative === 'number' && relative >= 1e-14 && relative < 1;
  if (!isRelative || list.length !== count || !list.every(isPositive)) {
    throw new InputError({
      given: `radau({ relative: ${shown(relative)}, absolute: ${isList ? `[${list.map(shown)}]` : shown(absolute)} })`,
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
  return Float64Array.from(list);
}

const isPositive = (x: unknown): x is number =>
  typeof x === 'number' && x > 0 && x < Number.POSITIVE_INFINITY;
