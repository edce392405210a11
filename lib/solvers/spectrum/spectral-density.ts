import { InputError } from '../../errors';
import { tridiagonalEigen } from '../../numbers';
import { checkNoMore, checkOptionNames, shown } from '../../options';
import type { LinearOperator, Vector } from '../../spaces';
import { checkCountOption } from '../checks';
import { emptyKrylov, type LanczosSetting, lanczos } from './lanczos';
import { operandOf, type SpectrumOptions } from './operand';

export interface SpectralDensityOptions<V> extends SpectrumOptions<V> {
  /** How many random vectors to average over. Default 10. */
  probes?: number;
  /** Lanczos steps from each, each one product and one vector held meanwhile. Default 60. */
  steps?: number;
  /** How many points the density is given at. Default 400. */
  points?: number;
  /**
   * σ, the standard deviation of the Gauss curve that each eigenvalue is drawn as, in the unit of
   * the eigenvalues. Default: a hundredth of the range of the eigenvalues met.
   */
  width?: number;
}

export interface SpectralDensity {
  /** Points from `4σ` below the smallest value met to `4σ` above the largest. */
  x: Float64Array;
  /** The density there; its integral is 1. */
  density: Float64Array;
  /** The Gauss quadrature that it is made of: values in ascending order … */
  nodes: Float64Array;
  /** … and the share of the eigenvalues that each represents; their sum is 1. */
  weights: Float64Array;
  /** The σ that was used. */
  width: number;
  products: number;
}

/**
 * The density of the eigenvalues of a symmetric operator, by stochastic Lanczos quadrature.
 *
 * For a random unit vector v the measure `Σᵢ ⟨v, uᵢ⟩² δ(s − sᵢ)` has the mean `1/n Σᵢ δ(s − sᵢ)`,
 * and m Lanczos steps from v give its Gauss quadrature with m nodes, exact for polynomials up to
 * degree 2m − 1. The mean over the probes is drawn with Gauss curves of width σ. Outliers are at
 * their place; the bulk is as fine as its nodes, `(L − μ)/steps`.
 *
 * @returns `{ x, density }` to draw, and the quadrature behind it
 * @throws InputError for options out of range, an operator whose space is unknown, or one with
 * its own inner product; NotFiniteError for a product with a NaN.
 * @see Ghorbani, Krishnan & Xiao, [An investigation into neural net optimization via Hessian
 *   eigenvalue density](https://arxiv.org/abs/1901.10159), 2019; for the error Ubaru, Chen & Saad,
 *   [Fast estimation of tr(f(A)) via stochastic Lanczos
 *   quadrature](https://doi.org/10.1137/16M1104974), 2017.
 */
export async function spectralDensity<V extends Vector>(
  A: LinearOperator<V>,
  options: SpectralDensityOptions<V> = {},
): Promise<SpectralDensity> {
  checkNoMore('spectralDensity', arguments, 2);
  checkOptionNames('spectralDensity', options, [
    'probes',
    'steps',
    'points',
    'width',
    'like',
    'seed',
  ]);
  const { probes = 10, steps = 60, points = 400, width } = options;
  checkCountOption('spectralDensity', 'probes', probes);
  checkCountOption('spectralDensity', 'steps', steps);
  checkCountOption('spectralDensity', 'points', points);
  checkWidth(width);
  const operand = operandOf('spectralDensity', A, options);
  if (A.space !== undefined) throw ownInnerProduct();
  const { space, size } = operand;

  const setting: LanczosSetting<V> = {
    space,
    multiply: operand.multiply,
    draw: operand.normals,
    without: [],
    dimension: size,
  };
  const quadrature: { node: number; weight: number }[] = [];
  for (let probe = 0; probe < probes; probe++) {
    const krylov = emptyKrylov<V>();
    const { diagonal, off } = krylov;
    try {
      for await (const count of lanczos(setting, krylov)) {
        // What comes after a Krylov space that is exhausted has no share of the first vector.
        if (count >= steps || off.at(-1) === 0) break;
      }
      const firstRow = new Float64Array(diagonal.length);
      firstRow[0] = 1;
      const { values, rows } = tridiagonalEigen(diagonal, off, [firstRow]);
      values.forEach((node, i) => {
        quadrature.push({ node, weight: rows[0]![i]! ** 2 / probes });
      });
    } finally {
      space.free(krylov.basis);
    }
  }
  quadrature.sort((a, b) => a.node - b.node);
  const nodes = Float64Array.from(quadrature, ({ node }) => node);
  const weights = Float64Array.from(quadrature, ({ weight }) => weight);
  return { ...drawn(nodes, weights, points, width), nodes, weights, products: operand.products };
}

/** Gauss curves of these weights around these nodes. */
function drawn(nodes: Float64Array, weights: Float64Array, points: number, width?: number) {
  const [least, most] = [nodes[0]!, nodes[nodes.length - 1]!];
  const size = Math.max(Math.abs(most), Math.abs(least));
  // A multiple of the identity has no range but rounding; its eigenvalue does as well.
  const range = most - least > 1e-6 * size ? most - least : size || 1;
  const σ = width ?? range / 100;
  const from = least - 4 * σ;
  const length = most + 4 * σ - from;
  const x = Float64Array.from({ length: points }, (_, i) =>
    points === 1 ? from + length / 2 : from + (length * i) / (points - 1),
  );
  const height = 1 / (σ * Math.sqrt(2 * Math.PI));
  const density = x.map((at) =>
    nodes.reduce(
      (sum, node, i) => sum + weights[i]! * height * Math.exp(-(((at - node) / σ) ** 2) / 2),
      0,
    ),
  );
  return { x, density, width: σ };
}

function checkWidth(width: number | undefined) {
  if (width === undefined || (Number.isFinite(width) && width > 0)) return;
  throw new InputError({
    given: `spectralDensity({ width: ${shown(width)} })`,
    expected: 'a positive number',
    remedy: 'Leave it out for a hundredth of the range of the eigenvalues.',
  });
}

function ownInnerProduct() {
  return new InputError({
    given: 'spectralDensity of an operator with its own inner product',
    expected: 'an operator that is symmetric in the usual inner product',
    remedy: 'Take the curvature itself, not its row space.',
  });
}
