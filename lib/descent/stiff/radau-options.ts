import { InputError } from '../../errors';
import { checkPositive, shown } from '../../options';
import type { OdeEvent } from './events';
import { type Jacobian, largestOf } from './jacobian';
import type { TimeSpan } from './ode';

export interface RadauOptions extends TimeSpan {
  /** `∂f/∂y` as rows. Default: differences, n evaluations of f each time. */
  jacobian?: Jacobian;
  /** The relative part of the tolerance of a step, `absolute + relative |yᵢ|`. Default 1e-6. */
  relative?: number;
  /**
   * Its absolute part, in the unit of y: one number, or one for each component. Default 1e-9 of the largest
   * |yᵢ| at the start; from zero, of what the first slope would make of it until the end.
   */
  absolute?: number | ArrayLike<number>;
  /** The first step. Default: a guess from y0 and f(y0). */
  step?: number;
  /**
   * No step is longer. Default none. A stiff solution that follows a forcing is exact at the ends of
   * steps of any length, while `at` and events see a polynomial of degree 3 between them: give a part of
   * the time in which the forcing, or the value of an event, changes.
   */
  maxStep?: number;
  /** What to look for on the way. Default nothing. */
  events?: readonly OdeEvent[];
}

/** The absolute part of the default tolerance, of the size of y. */
const ABSOLUTE = 1e-9;

/**
 * The absolute tolerance of each component.
 *
 * @param slope f at the start
 */
export function tolerances(
  { relative = 1e-6, absolute: given, step, maxStep, from = 0, to }: RadauOptions,
  y0: Float64Array,
  slope: Float64Array,
): Float64Array {
  const count = y0.length;
  const absolute = given === undefined ? ABSOLUTE * sizeAtStart(y0, slope, to - from) : given;
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
      remedy: 'Try { relative: 1e-6 }, without an absolute one, which is in the unit of y.',
    });
  }
  if (step !== undefined && !(Number.isFinite(step) && step > 0)) {
    throw new InputError({
      given: `radau({ step: ${shown(step)} })`,
      expected: 'a positive first step',
      remedy: 'Leave it out for a guess.',
    });
  }
  if (maxStep !== undefined) {
    checkPositive(maxStep, 'radau with a maxStep of', 'Leave it out for steps of any length.');
  }
  return Float64Array.from(list);
}

/** Of what size y is, as far as the start shows: 1 where it shows nothing. */
function sizeAtStart(y0: Float64Array, slope: Float64Array, span: number): number {
  const size = largestOf(y0) || largestOf(slope) * Math.abs(span);
  const isUsable = ABSOLUTE * size > 0 && size < Number.POSITIVE_INFINITY;
  return isUsable ? size : 1;
}

const isPositive = (x: unknown): x is number =>
  typeof x === 'number' && x > 0 && x < Number.POSITIVE_INFINITY;
