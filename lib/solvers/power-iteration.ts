import { NotFiniteError } from '../errors';
import { checkNoMore, checkOptionNames } from '../options';
import { type LinearOperator, spaceFor, type Vector } from '../spaces';
import { checkCountOption, checkedProducts, checkOperator } from './checks';
import { numbersOf, productOf } from './in-turns';
import { divideOrZero } from './method';

/**
 * The eigenvalue of largest modulus of a symmetric A, by power iteration: `v ← A v / ‖A v‖`, and at
 * last the Rayleigh quotient `vᵀA v`.
 *
 * It is a lower bound of `max s` where A is positive semidefinite, and its error falls by
 * `(s₂/s₁)²` per iteration.
 *
 * @param start any vector that has a share of the eigenvector; it stays the caller's
 * @param options.iterations products with A. Default 30.
 * @returns 0 where A maps the start to 0
 * @throws NotFiniteError for a NaN or an infinity in a product
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.2.1.
 */
export async function powerIteration<V extends Vector>(
  A: LinearOperator<V>,
  start: V,
  options: { iterations?: number } = {},
): Promise<number> {
  checkNoMore('powerIteration', arguments, 3);
  checkOperator('powerIteration', A);
  checkOptionNames('powerIteration', options, ['iterations']);
  const { iterations = 30 } = options;
  checkCountOption('powerIteration', 'iterations', iterations);
  const space = spaceFor(start, 'the start of powerIteration');
  space.check(start, start, 'the start');
  const checked = checkedProducts(space, A);
  const { of } = space.scalars;
  let v = space.keep(space.clone(start));
  let value = 0;
  try {
    for (let k = 0; k < iterations; k++) {
      const current = v;
      const scaled = () => space.scale(divideOrZero(space, of(1), space.norm(current)), current);
      const unit = space.keep(space.tidy(scaled));
      try {
        v = await productOf(space, checked, unit);
        space.free(current);
        [value] = (await numbersOf(space, [() => space.dot(unit, v)])) as [number];
      } finally {
        space.free(unit);
      }
      if (!Number.isFinite(value)) throw notFinite(value);
      // A vector that A maps to 0 has no direction.
      if (value === 0) break;
    }
  } finally {
    space.free(v);
  }
  return value;
}

const notFinite = (value: number) =>
  new NotFiniteError({
    given: `an operator whose quotient vᵀA v / vᵀv is ${value}`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or an overflow, in the start and in what the operator is made of.',
  });
