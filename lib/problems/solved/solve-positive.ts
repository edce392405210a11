import { InputError } from '../../errors';
import { cholesky, squareMatrix } from '../../numbers';
import { checkFloat64, checkMethods, checkNoMore } from '../../options';
import { float64, type LinearOperator } from '../../spaces';

/**
 * `A⁻¹ b` to rounding, for a symmetric positive definite A that is formed by its products.
 *
 * It takes n products, and n³/6 multiplications.
 *
 * @throws InputError if A is singular to rounding or indefinite; ShapeError for products of another length
 */
export function solvePositive(A: LinearOperator<Float64Array>, b: Float64Array): Float64Array {
  checkNoMore('solvePositive', arguments, 2);
  checkMethods(A, 'the operator', ['apply']);
  checkFloat64(b, 'the right-hand side');
  const size = b.length;
  const columns = Array.from(b, (_, i) => {
    const unit = new Float64Array(size);
    unit[i] = 1;
    const column = A.apply(unit);
    float64.check(column, b, 'a product of solvePositive');
    return column.slice();
  });
  const matrix = squareMatrix(columns);
  const solve = cholesky(matrix, size * float64.epsilon);
  if (solve === undefined) throw singular();
  return solve(b);
}

const singular = () =>
  new InputError({
    given: 'an inner Hessian that is singular to rounding, or indefinite',
    expected: 'a positive definite Hessian, so that the inner problem has one solution',
    remedy: 'Take a larger λ, or more rows than features.',
  });
