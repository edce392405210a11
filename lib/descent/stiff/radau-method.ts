import { factorized, solved } from './linear-algebra';
import { atOnce } from './work';

/**
 * The three-stage Radau IIA method of order 5: collocation at the nodes c, the last of them 1.
 *
 * All other numbers are computed from the nodes. A is the matrix of the method, `AZ = h (A ⊗ I) F`;
 * in the basis T its inverse has a real eigenvalue γ and a pair α ± iβ, as a real matrix
 * `T⁻¹A⁻¹T = diag(γ, [[α, β], [−β, α]])`, so that a Newton step takes a system of size n and one
 * of size 2n in place of one of size 3n.
 *
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.5 and §IV.8.
 */
const ROOT = Math.sqrt(6);
export const nodes = [(4 - ROOT) / 10, (4 + ROOT) / 10, 1] as const;

type Triple = [number, number, number];
type Matrix3 = [Triple, Triple, Triple];

const matrix3 = (entry: (i: number, j: number) => number): Matrix3 =>
  [0, 1, 2].map((i) => [0, 1, 2].map((j) => entry(i, j)) as Triple) as Matrix3;

const solve3 = (M: Matrix3, b: Triple): Triple =>
  [...solved(atOnce(factorized(3, Float64Array.from(M.flat())))!, Float64Array.from(b))] as Triple;

const inverse3 = (M: Matrix3): Matrix3 => {
  const columns = [0, 1, 2].map((j) =>
    solve3(M, [0, 1, 2].map((i) => (i === j ? 1 : 0)) as Triple),
  );
  return matrix3((i, j) => columns[j]![i]!);
};

/** `Σⱼ aᵢⱼ cⱼᵏ = cᵢᵏ⁺¹/(k + 1)`, for k = 0, 1, 2: every polynomial of degree 2 is integrated exactly. */
const A = (() => {
  const powers = matrix3((k, j) => nodes[j]! ** k);
  const rows = nodes.map((c) => solve3(powers, [c, c ** 2 / 2, c ** 3 / 3]));
  return matrix3((i, j) => rows[i]![j]!);
})();

const inverse = inverse3(A);

/** The eigenvalues of A⁻¹, the roots of `s³ − 9s² + 36s − 60` (the denominator of the method's Padé approximant). */
export const gamma = 3 + 3 ** (2 / 3) - 3 ** (1 / 3);
export const alpha = 3 + (3 ** (1 / 3) - 3 ** (2 / 3)) / 2;
export const beta = (3 ** (5 / 6) + 3 ** (7 / 6)) / 2;

/** `(A⁻¹ − s) v = 0` with v₃ = 1, for the complex s, from two of its rows. */
function eigenvector(re: number, im: number): { re: Triple; im: Triple } {
  // As real numbers: (M − re) x + im y = 0 and (M − re) y − im x = 0 in the rows 0 and 1.
  const entries = new Float64Array(16);
  const right = new Float64Array(4);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      const value = inverse[i]![j]! - (i === j ? re : 0);
      entries[i * 4 + j] = value;
      entries[(i + 2) * 4 + j + 2] = value;
      if (i === j) {
        entries[i * 4 + j + 2] = im;
        entries[(i + 2) * 4 + j] = -im;
      }
    }
    right[i] = -inverse[i]![2]!;
  }
  const [x0, x1, y0, y1] = solved(atOnce(factorized(4, entries))!, right);
  return { re: [x0!, x1!, 1], im: [y0!, y1!, 0] };
}

/** T: the real eigenvector, and the real and imaginary part of the complex one, as columns. */
export const basis: Matrix3 = (() => {
  const real = eigenvector(gamma, 0).re;
  const pair = eigenvector(alpha, beta);
  return matrix3((i, j) => [real[i]!, pair.re[i]!, pair.im[i]!][j]!);
})();
export const basisInverse: Matrix3 = inverse3(basis);

/**
 * `e` with `h f(y₀)/γ + Σ eᵢ zᵢ` the difference from a method of order 3, `O(h⁴)`: the values of
 * `−ℓᵢ(0)/(γ cᵢ)` for the Lagrange polynomials ℓ of the nodes.
 */
export const errorWeights: Triple = solve3(
  matrix3((k, j) => nodes[j]! ** (k + 1)),
  [-1 / gamma, 0, 0],
);

/** Weights of the stages in the polynomial of degree 3 through 0 at 0 and zᵢ at cᵢ, at s. */
export function interpolation(s: number): Triple {
  return nodes.map((c, i) =>
    nodes.reduce(
      (product, other, j) => (i === j ? product : (product * (s - other)) / (c - other)),
      s / c,
    ),
  ) as Triple;
}
