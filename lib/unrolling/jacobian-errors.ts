import { ShapeError } from '../errors';
import { dividedDifferences, type Method } from '../methods';
import { multiply, multiplyTransposed } from '../numbers';
import {
  checkCount,
  checkFloat64,
  checkList,
  checkMethods,
  checkNoMore,
  checkRecord,
} from '../options';
import { checkColumns, type QuadraticProblem } from '../problems';
import { float64 } from '../spaces';
import { checkSolved, naturalSpectrum } from './unroll';

/**
 * Predicts `∂xₜ − ∂x*` on a quadratic, for t = 0 … `steps`, by columns, without unrolling anything.
 *
 * In the eigenvectors of H, `∂xₜ − ∂x* = Pₜ(H)(∂x₀ − ∂x*) + K (x₀ − x*)` with
 * `Kᵢⱼ = Pₜ[λᵢ, λⱼ] ∂Hᵢⱼ` (Daleckii–Krein). Where ∂H commutes with H, K is `Pₜ'(H) ∂H`.
 * For n eigenvalues a step costs O(n²).
 *
 * @returns for each t a column for each parameter
 * @throws InputError for a count that is not whole, a method that is not linear in the gradient or does not
 *   suit the spectrum, or anything but a quadratic problem; ShapeError for parts that do not fit.
 * @see Higham, [Functions of Matrices](https://doi.org/10.1137/1.9780898717778), 2008, theorem
 *   3.11; the commuting case is in Scieur et al., [The Curse of
 *   Unrolling](https://arxiv.org/abs/2209.13271), 2022.
 */
export function predictJacobianErrors(
  method: Method,
  problem: QuadraticProblem,
  steps: number,
): Float64Array[][] {
  checkNoMore('predictJacobianErrors', arguments, 3);
  checkCount(steps, 'a number of steps of', { least: 0, remedy: 'Count in steps.' });
  checkMethods(method, 'the method', ['on']);
  checkSolved(problem);
  checkRecord(problem.eigen, 'eigen of the problem', 'the eigenvalues and vectors of quadratic()');
  const { start, solution, dHessian } = problem;
  checkList(dHessian, 'dHessian of the problem');
  for (const dH of dHessian) checkColumns(dH, 'a derivative of the Hessian');
  const { values, vectors } = problem.eigen;
  checkFloat64(values, 'the eigenvalues of the problem');
  checkColumns(vectors, 'an eigenvector of the problem');
  const n = values.length;
  const parameters = start.jacobian.length;
  const sizes = [start.x.length, vectors.length, ...vectors.map(({ length }) => length)];
  if (dHessian.length !== parameters || sizes.some((size) => size !== n)) {
    throw new ShapeError({
      given: `${dHessian.length} derivatives of the Hessian, ${vectors.length} eigenvectors and ${start.x.length} weights`,
      expected: `${parameters} derivatives, one for each parameter, and as many eigenvectors and weights as eigenvalues, ${n}`,
      remedy: 'Make the problem by quadratic(), or look at its parts.',
    });
  }
  const into = (x: Float64Array) => multiply(vectors, x);

  const residual = into(float64.subtract(start.x, solution.x));
  const firstErrors = start.jacobian.map((column, j) =>
    into(float64.subtract(column, solution.jacobian[j]!)),
  );
  const derivatives = dHessian.map((dH) => {
    const images = vectors.map((vector) => multiply(dH, vector));
    return vectors.map((vector) =>
      Float64Array.from(images, (image) => float64.dot(vector, image)),
    );
  });

  const left = Float64Array.from({ length: n * n }, (_, k) => values[Math.floor(k / n)]!);
  const right = Float64Array.from({ length: n * n }, (_, k) => values[k % n]!);
  const polynomials = dividedDifferences(method, naturalSpectrum(problem), left, right);
  return Array.from({ length: steps + 1 }, () => {
    const P = polynomials.next().value;
    return firstErrors.map((d, column) => {
      const error = d.map((value, i) => {
        let sum = P.left[i * n]! * value;
        const row = derivatives[column]![i]!;
        for (let j = 0; j < n; j++) sum += P.difference[i * n + j]! * row[j]! * residual[j]!;
        return sum;
      });
      return multiplyTransposed(vectors, error);
    });
  });
}
