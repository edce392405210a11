import { InputError } from '../../errors';
import { multiply, multiplyTransposed, random } from '../../numbers';
import { checkCount, checkFloat64, checkNoMore, checkOptionNames, shown } from '../../options';
import { float64 } from '../../spaces';
import { type KnownBilevel, outerLoss, requireLength, withHypergradient } from './known-bilevel';
import { solvePositive } from './solve-positive';

/** What a bilevel quadratic is made with. */
export interface BilevelQuadraticOptions {
  /** The eigenvalues of A, one for each weight, all positive. */
  eigenvalues: readonly number[] | Float64Array;
  /** How many there are. */
  hyperparameters: number;
  /** ρ, which makes the outer loss depend on λ directly; 1 unless given. */
  outerPenalty?: number;
  /** Of `random`: a whole number of at least 0. */
  seed: number;
}

/**
 * A quadratic of chosen spectrum whose hyperparameters move its minimum.
 *
 * `f = ½ wᵀAw − wᵀ(b + Cλ)`, `g = ½ ‖w − t‖² + ½ ρ ‖λ‖²`; `H = A`, `B = −C`, `w* = A⁻¹(b + Cλ)`,
 * `dg/dλ = ρλ + CᵀA⁻¹(w* − t)`. b, C and t are normal; the eigenvectors of A are random, so that
 * no coordinate is special. C is rectangular and the direct term is not 0: a transpose or a term
 * left out shows.
 *
 * @throws InputError or ShapeError for a spectrum, λ or w that do not fit
 */
export function bilevelQuadratic(options: BilevelQuadraticOptions): KnownBilevel {
  checkNoMore('bilevelQuadratic', arguments, 1);
  checkOptionNames('bilevelQuadratic', options, [
    'eigenvalues',
    'hyperparameters',
    'outerPenalty',
    'seed',
  ]);
  const { hyperparameters, outerPenalty: ρ = 1, seed } = options;
  if (!Array.isArray(options.eigenvalues)) checkFloat64(options.eigenvalues, 'the eigenvalues');
  if (!Number.isFinite(ρ)) {
    throw new InputError({
      given: `outerPenalty: ${shown(ρ)}`,
      expected: 'a finite number',
      remedy: 'Leave it out for 1.',
    });
  }
  const odd = [...options.eigenvalues].find((value) => typeof value !== 'number');
  if (odd !== undefined) {
    throw new InputError({
      given: `${shown(odd)} among the eigenvalues`,
      expected: 'numbers',
      remedy: 'Read the numbers of tensors first.',
    });
  }
  const eigenvalues = Float64Array.from(options.eigenvalues);
  requireSpectrum(eigenvalues, hyperparameters);
  const weights = eigenvalues.length;
  const stream = random(seed);
  const reflection = unit(stream.normals(weights));
  const [b, t] = [stream.normals(weights), stream.normals(weights)];
  const C = Array.from(b, () => stream.normals(hyperparameters));

  const apply = (v: Float64Array) => {
    requireLength(v, weights, 'w');
    const turned = reflect(reflection, v);
    return reflect(
      reflection,
      turned.map((value, i) => eigenvalues[i]! * value),
    );
  };
  const linear = (λ: Float64Array) => {
    requireLength(λ, hyperparameters, 'λ');
    return float64.axpy(1, multiply(C, λ), b);
  };
  const A = { apply, dispose() {} };

  return withHypergradient({
    weights,
    hyperparameters,
    inner: (w, λ) => float64.dot(w, apply(w)) / 2 - float64.dot(w, linear(λ)),
    innerGradient: (w, λ) => float64.subtract(apply(w), linear(λ)),
    innerHessian: () => A,
    innerMixed: () => ({
      jvp: (v) => float64.scale(-1, multiply(C, v)),
      vjp: (u) => float64.scale(-1, multiplyTransposed(C, u)),
    }),
    outer(w, λ) {
      requireLength(w, weights, 'w');
      requireLength(λ, hyperparameters, 'λ');
      const dw = float64.subtract(w, t);
      const value = (float64.dot(dw, dw) + ρ * float64.dot(λ, λ)) / 2;
      return outerLoss(() => value, dw, float64.scale(ρ, λ));
    },
    solution: (λ) => solvePositive(A, linear(λ)),
  });
}

function requireSpectrum(eigenvalues: Float64Array, hyperparameters: number) {
  const positive = eigenvalues.every((value) => Number.isFinite(value) && value > 0);
  if (eigenvalues.length === 0 || !positive) {
    throw new InputError({
      given: `the eigenvalues ${[...eigenvalues.slice(0, 5)].join(', ')}`,
      expected: 'at least one eigenvalue, and all of them positive',
      remedy: 'The inner problem has one solution only where its Hessian is positive definite.',
    });
  }
  checkCount(hyperparameters, 'hyperparameters:');
}

function unit(x: Float64Array): Float64Array {
  return float64.scale(1 / Math.sqrt(float64.dot(x, x)), x);
}

/** `(I − 2uuᵀ) v`, Householder's reflection: orthogonal, symmetric and its own inverse. */
function reflect(u: Float64Array, v: Float64Array): Float64Array {
  return float64.axpy(-2 * float64.dot(u, v), u, v);
}
