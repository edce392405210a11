import { checkMethods, checkNoMore } from '../../options';
import { type KnownBilevel, outerLoss } from './known-bilevel';
import { times } from './penalty';

/**
 * The same problem with `θ = log λ` for its hyperparameters, which keeps λ positive.
 *
 * `B` and `∂g/∂λ` take the factor `dλ/dθ = λ`.
 *
 * @throws InputError for anything but a problem with known answers; on use, what that throws.
 */
export function logarithmic(problem: KnownBilevel): KnownBilevel {
  checkNoMore('logarithmic', arguments, 1);
  checkMethods(problem, 'the problem', [
    'inner',
    'innerGradient',
    'innerHessian',
    'innerMixed',
    'outer',
    'solution',
    'hypergradient',
  ]);
  const λof = (θ: Float64Array): Float64Array => {
    const λ = new Float64Array(θ.length);
    for (let j = 0; j < λ.length; j++) λ[j] = Math.exp(θ[j]!);
    return λ;
  };
  return {
    ...problem,
    inner: (w, θ) => problem.inner(w, λof(θ)),
    innerGradient: (w, θ) => problem.innerGradient(w, λof(θ)),
    innerHessian: (w, θ) => problem.innerHessian(w, λof(θ)),
    innerMixed(w, θ) {
      const λ = λof(θ);
      const mixed = problem.innerMixed(w, λ);
      return { jvp: (v) => mixed.jvp(times(λ, v)), vjp: (u) => times(λ, mixed.vjp(u)) };
    },
    outer(w, θ) {
      const λ = λof(θ);
      const outer = problem.outer(w, λ);
      return outerLoss(() => outer.value, outer.dw, times(λ, outer.dλ));
    },
    solution: (θ) => problem.solution(λof(θ)),
    hypergradient: (θ) => times(λof(θ), problem.hypergradient(λof(θ))),
  };
}
