import { InputError } from '../../errors';
import { checkFloat64, checkMethods } from '../../options';
import { float64, type LinearOperator } from '../../spaces';

/**
 * `A⁻¹ b` to rounding, for a symmetric positive definite A that is formed by its products.
 *
 * Known answers should not rest on the solvers that are held against them, hence its own few lines.
 *
 * @throws InputError if A is singular to rounding
 */
export function solvePositive(A: LinearOperator<Float64Array>, b: Float64Array): Float64Array {
  checkMethods(A, 'the operator', ['apply']);
  checkFloat64(b, 'the right-hand side');
  const n = b.length;
  const rows = Array.from({ length: n }, (_, i) => {
    const unit = new Float64Array(n);
    unit[i] = 1;
    return A.apply(unit);
  });
  const smallest = n * float64.epsilon * Math.max(...rows.map((row, i) => row[i]!));

  // Lower triangle: L Lᵀ = A, row by row, with y = L⁻¹ b on the way.
  const y = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    const Li = rows[i]!;
    for (let j = 0; j <= i; j++) {
      const Lj = rows[j]!;
      let rest = Li[j]!;
      for (let k = 0; k < j; k++) rest -= Li[k]! * Lj[k]!;
      if (j < i) {
        Li[j] = rest / Lj[j]!;
      } else {
        if (!(rest > smallest)) throw singular(i, rest);
        Li[i] = Math.sqrt(rest);
      }
    }
    for (let k = 0; k < i; k++) y[i]! -= Li[k]! * y[k]!;
    y[i]! /= Li[i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) y[i]! -= rows[k]![i]! * y[k]!;
    y[i]! /= rows[i]![i]!;
  }
  return y;
}

function singular(i: number, pivot: number): InputError {
  return new InputError({
    given: `an inner Hessian with the pivot ${pivot} in row ${i}`,
    expected: 'a positive definite one, so that the inner problem has one solution',
    remedy: 'Take a larger λ, or more rows than features.',
  });
}
