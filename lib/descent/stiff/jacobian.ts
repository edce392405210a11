import { ShapeError } from '../../errors';
import type { RightHandSide } from './ode';
import type { Work } from './work';

/** `∂f/∂y` as rows. */
export type Jacobian = (y: Float64Array, t: number) => ArrayLike<number>[];

/**
 * The typical size of each component: the larger of what it is at the start of a step and now.
 *
 * Where that is next to nothing, as for a species that is yet to appear, it is what the step may
 * make of it. All sizes change with the unit of y, and with that of a component.
 *
 * @param change `h f(y)`, what an explicit step would add
 * @param floor below which a component does not matter; by default what rounding hides of the
 *   largest one
 */
export function typicalSizes(
  y: Float64Array,
  x: Float64Array,
  change: Float64Array,
  floor = Number.POSITIVE_INFINITY,
): Float64Array {
  const sizes = x.map((value, i) => Math.max(Math.abs(value), Math.abs(y[i]!)));
  const largest = largestOf(sizes) || largestOf(change);
  const least =
    floor === Number.POSITIVE_INFINITY ? Number.EPSILON * largest : Math.min(floor, largest);
  return sizes.map((size, i) =>
    size > least ? size : Math.max(size, least, Math.min(Math.abs(change[i]!), largest)),
  );
}

/** The size of the largest entry; not by `Math.max(...x)`, whose arguments may be too many. */
export const largestOf = (x: Float64Array): number =>
  x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const PART = Math.sqrt(Number.EPSILON);

/**
 * `J v` as a difference of f, which moves no component by more than √ε of its typical size.
 *
 * A component of 1e-13 next to one of 1 is thus moved by 1e-21, not by 1e-8.
 */
export function differences(
  f: RightHandSide,
  x: Float64Array,
  t: number,
  slope: Float64Array,
  sizes: Float64Array,
) {
  return (v: Float64Array): Float64Array => {
    const reach = v.reduce((most, value, i) => {
      return value === 0 ? most : Math.max(most, Math.abs(value) / sizes[i]!);
    }, 0);
    if (reach === 0) return new Float64Array(v.length);
    for (const part of [PART / reach, -PART / reach]) {
      const ahead = f(
        x.map((value, i) => value + part * v[i]!),
        t,
      );
      const product = ahead.map((value, i) => (value - slope[i]!) / part);
      // At the edge of where f is defined the other side may do.
      if (product.every(Number.isFinite) || part < 0) return product;
    }
    return slope;
  };
}

/** The rows of the Jacobian, given or by differences. */
export function* jacobianRows(
  jacobian: Jacobian | undefined,
  f: RightHandSide,
  x: Float64Array,
  t: number,
  slope: Float64Array,
  sizes: Float64Array,
): Work<Float64Array[]> {
  if (jacobian) return givenRows(jacobian, x, t);
  const rows = Array.from(x, () => new Float64Array(x.length));
  const product = differences(f, x, t, slope, sizes);
  for (let j = 0; j < x.length; j++) {
    yield;
    const unit = new Float64Array(x.length);
    unit[j] = 1;
    product(unit).forEach((value, i) => {
      rows[i]![j] = value;
    });
  }
  return rows;
}

/** A copy of the rows that a Jacobian of the user's returns. @throws ShapeError for others than it needs. */
export function givenRows(jacobian: Jacobian, x: Float64Array, t: number): Float64Array[] {
  const rows = jacobian(x.slice(), t);
  checkJacobian(rows, x.length);
  return Array.from(rows, (row) => Float64Array.from(row));
}

/** @throws ShapeError unless there are `count` rows of that length. */
export function checkJacobian(rows: ArrayLike<number>[], count: number) {
  const widths = Array.from(rows ?? [], (row) => row?.length);
  if (widths.length === count && widths.every((width) => width === count)) return;
  throw new ShapeError({
    given: `a Jacobian of ${widths.length} rows, of the lengths ${widths.join(', ')}`,
    expected: `${count} rows of length ${count}`,
    remedy: 'Row i holds the derivatives of component i of f by each component of y.',
  });
}
