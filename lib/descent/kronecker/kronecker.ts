import { InputError } from '../../errors';
import { checkCount, checkNoMore, checkOptionNames, checkRecord, shown } from '../../options';

export interface KroneckerOptions {
  /** Steps from one renewal to the next. Default 20. */
  every?: number;
  /** Random cotangents that the factors are made of, each for one product with Jᵀ. Default 10. */
  probes?: number;
  /** The largest side of a factor that is held whole; of a larger one, as many directions. Default 128. */
  rank?: number;
  /** The seed of the cotangents. Default 0. */
  seed?: number;
}

/** A preconditioner of Kronecker factors: a plain record, which is saved with an optimizer. */
export interface Kronecker extends Required<KroneckerOptions> {
  readonly name: 'kronecker';
}

const LEAST = { every: 1, probes: 1, rank: 1, seed: 0 } as const;

/**
 * A preconditioner for the linear system of an implicit step: `M ≈ (I + δC)⁻¹`, with the block of C that
 * belongs to a parameter of `n × m` entries taken as a Kronecker product of two factors.
 *
 * With w = Jᵀu, u random of covariance S, so that E[vec(w) vec(w)ᵀ] is the block of the Gauss–Newton matrix
 * `C = JᵀSJ`, the factors are its partial traces, `A = E[wwᵀ]` (n × n) and `G = E[wᵀw]` (m × m):
 *
 *     C ≈ A ⊗ G / t,   t = E‖w‖²,   M V = U_A ((U_Aᵀ V U_G) ⊘ (1 + δ λᵢμⱼ/t)) U_Gᵀ,
 *
 * with eigenvectors and eigenvalues λ, μ of A and G. Of one dense layer `z = aW` with independent inputs and
 * cotangents that is the block itself; A is the second moment of its inputs, weighted by the squared size
 * of the cotangents. A convolution's filter is the matrix of its patches, a recurrent matrix sums over
 * time before the products are taken, as the gradient does: both need no assumption of their own. Since the
 * eigenvalues are known, δ may change from step to step while the factors stay; no damping is
 * split between them. Of a parameter with one axis, such as a bias, the diagonal `1/(1 + δE[w²])` is taken.
 *
 * The factors are renewed at regular intervals, from a recording of that step: `probes` products with
 * Jᵀ (about half a gradient each) and two eigendecompositions per parameter, in double precision. On a GPU
 * they are read without being waited for; until they are there, M is the identity.
 *
 * When not to use it: with `implicitSGD` for an accurate solve, which takes more iterations with it (about twice
 * as many at a tolerance of 0.01 on the networks that were tried); with `implicitAdam`, whose metric
 * preconditions as well and costs nothing, and where CG needs a handful of iterations anyway. The
 * row space of a batch, in which products are cheap, is not used with it.
 *
 * @throws InputError for an unknown option, a count that is not a positive whole number, or a seed that is
 *   not a whole number of at least 0; all up to 2³¹.
 * @see Martens & Grosse, [Optimizing neural networks with Kronecker-factored approximate
 *   curvature](https://arxiv.org/abs/1503.05671), 2015; George et al., [Fast approximate natural gradient
 *   descent in a Kronecker-factored eigenbasis](https://arxiv.org/abs/1806.03884), 2018.
 */
export function kronecker(options: KroneckerOptions = {}): Kronecker {
  checkNoMore('kronecker', arguments, 1);
  checkOptionNames('kronecker', options, Object.keys(LEAST));
  const { every = 20, probes = 10, rank = 128, seed = 0 } = options;
  const record = { name: 'kronecker', every, probes, rank, seed } as const;
  for (const [name, least] of Object.entries(LEAST)) {
    checkCount(record[name as keyof typeof LEAST], `kronecker({ ${name} }) of`, {
      least,
      most: 2 ** 31,
      remedy: 'Leave it out for the default.',
    });
  }
  return Object.freeze(record);
}

/** @throws InputError for anything but what {@link kronecker} returns, or a copy of it. */
export function checkKronecker(value: unknown): void {
  checkRecord(value, 'preconditioner', 'kronecker()');
  const { name, ...options } = value as Kronecker;
  if (name === 'kronecker') kronecker(options);
  else {
    throw new InputError({
      given: `preconditioner: { name: ${shown(name)} }`,
      expected: 'what kronecker() returns',
      remedy: 'Another operator is an option of the solver: solver: cg({ preconditioner }).',
    });
  }
}
