import { InputError } from '../errors';
import { float64 } from '../spaces';
import { requireFunctions } from './checks';
import type { InnerDerivatives } from './derivatives';
import type { Form, InnerCurvature, InnerForm, OuterGradients } from './form-types';
import type { DerivativeProblem, GaussNewtonProblem, OuterDerivatives } from './problem';

/** The form of a problem given by its derivatives, at λ. */
export function float64Form(problem: DerivativeProblem, λ: Float64Array): Form<Float64Array> {
  requireFunctions(problem, ['innerGradient', 'innerHessian', 'innerMixed', 'outer']);
  return {
    ...float64InnerForm(problem, λ),
    outer: (w) => gradientsOf(problem.outer(w, λ)),
    curvature: (w, kind) => curvatureAt(problem, w, λ, kind),
  };
}

/** The form of an inner problem given by its derivatives, at λ. */
export function float64InnerForm(
  problem: InnerDerivatives,
  λ: Float64Array,
): InnerForm<Float64Array> {
  return {
    gradient: (w, step) => problem.innerGradient(w, λ, step),
    linearize(w, step) {
      const H = problem.innerHessian(w, λ, step);
      const B = problem.innerMixed(w, λ, step);
      return {
        value: problem.innerGradient(w, λ, step),
        jvp(dw, dλ) {
          const Hw = H.apply(dw);
          const Bλ = B.jvp(dλ);
          return float64.axpy(1, Hw, Bλ);
        },
        ...(H.applyAll && {
          jvpAll: (dws: readonly Float64Array[], dλs: readonly Float64Array[]) =>
            H.applyAll!(dws).map((Hw, j) => {
              // A product with H is the caller's: no third vector is needed.
              const Bλ = B.jvp(dλs[j]!);
              for (let i = 0; i < Hw.length; i++) Hw[i]! += Bλ[i]!;
              return Hw;
            }),
        }),
        vjp: (u) => ({ w: H.apply(u), λ: B.vjp(u) }),
        dispose: () => H.dispose(),
      };
    },
  };
}

function gradientsOf({ dw, dλ, dlambda }: OuterDerivatives): OuterGradients<Float64Array> {
  return { dw, dλ: dλ ?? dlambda };
}

function curvatureAt(
  problem: DerivativeProblem | GaussNewtonProblem,
  w: Float64Array,
  λ: Float64Array,
  kind: InnerCurvature,
) {
  if (kind === 'hessian') return problem.innerHessian(w, λ);
  if ('innerGaussNewton' in problem) return problem.innerGaussNewton(w, λ);
  throw new InputError({
    given: "curvature: 'gauss-newton' for a problem without innerGaussNewton",
    expected: 'its products, or the Hessian',
    remedy: "Give innerGaussNewton(w, λ), or use curvature: 'hessian'.",
  });
}
