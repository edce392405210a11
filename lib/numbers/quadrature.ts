import { eigen } from './eigen';
import { matrix } from './rows';

/** Nodes in (−1, 1), rising, and weights that add up to 1. */
export interface Quadrature {
  nodes: Float64Array;
  weights: Float64Array;
}

/**
 * Gauss quadrature for the weight `(1 − m²)^(α − ½)`, α > 0, exact for polynomials of degree 2n − 1.
 *
 * @see Golub and Welsch, [Calculation of Gauss quadrature
 *   rules](https://doi.org/10.1090/S0025-5718-69-99647-1), 1969.
 */
export function gaussGegenbauer(alpha: number, n: number): Quadrature {
  const jacobi = matrix(n, (i, j) =>
    Math.abs(i - j) === 1 ? gegenbauerCoefficient(alpha, Math.max(i, j)) : 0,
  );
  const { values, vectors } = eigen(jacobi);
  return { nodes: values, weights: Float64Array.from(vectors, (vector) => vector[0]! ** 2) };
}

/** βₖ of the orthonormal polynomials, `m pₖ = βₖ₊₁ pₖ₊₁ + βₖ pₖ₋₁`. */
export const gegenbauerCoefficient = (alpha: number, k: number) =>
  Math.sqrt((k * (k + 2 * alpha - 1)) / (4 * (k + alpha) * (k + alpha - 1)));
