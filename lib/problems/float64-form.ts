import { InputError } from '../errors';
import { checkMethods, checkRecord } from '../options';
import { apart, float64 } from '../spaces';
import { requireFunctions } from './checks';
import type { InnerDerivatives } from './derivatives';
import type { Form, InnerCurvature, InnerForm, OuterGradients } from './form-types';
import type { DerivativeProblem, GaussNewtonProblem, OuterDerivatives } from './problem';

/**
 * The form of a problem given by its derivatives, at λ.
 *
 * Its functions are given copies and what they return is copied: they may change the one in place, and
 * write into the same arrays again.
 */
export function float64Form(problem: DerivativeProblem, λ: Float64Array): Form<Float64Array> {
  requireFunctions(problem, ['innerGradient', 'innerHessian', 'innerMixed', 'outer']);
  return {
    ...float64InnerForm(problem, λ),
    outer: (w) => gradientsOf(problem.outer(w.slice(), λ.slice()), w, λ),
    curvature: (w, kind) => apart(curvatureAt(problem, w, λ, kind)),
  };
}

/** The form of an inner problem given by its derivatives, at λ. */
export function float64InnerForm(
  problem: InnerDerivatives,
  λ: Float64Array,
): InnerForm<Float64Array> {
  return {
    gradient: (w, step) =>
      like(problem.innerGradient(w.slice(), λ.slice(), step), w, 'innerGradient'),
    linearize(w, step) {
      const H = problem.innerHessian(w.slice(), λ.slice(), step);
      checkMethods(H, 'innerHessian', ['apply', 'dispose']);
      const B = problem.innerMixed(w.slice(), λ.slice(), step);
      checkMethods(B, 'innerMixed', ['jvp', 'vjp']);
      const Hv = (v: Float64Array) => like(H.apply(v.slice()), w, 'a product with innerHessian');
      const mixed = (u: Float64Array) => like(B.vjp(u.slice()), λ, 'vjp of innerMixed');
      const Bv = (v: Float64Array) => like(B.jvp(v.slice()), w, 'jvp of innerMixed');
      let gradient: Float64Array | undefined;
      return {
        get value() {
          gradient ??= like(problem.innerGradient(w.slice(), λ.slice(), step), w, 'innerGradient');
          return gradient;
        },
        operator: apart(H),
        jvp: (dw, dλ) => float64.axpy(1, Hv(dw), Bv(dλ)),
        ...(H.addProducts &&
          B.addColumns && {
            jvpAll(dws: Float64Array, out: Float64Array) {
              out.fill(0);
              B.addColumns!(out);
              H.addProducts!(dws, out);
            },
          }),
        vjp: (u) => ({ w: Hv(u), λ: mixed(u) }),
        mixed,
        dispose: () => H.dispose(),
      };
    },
  };
}

function gradientsOf(
  outer: OuterDerivatives,
  w: Float64Array,
  λ: Float64Array,
): OuterGradients<Float64Array> {
  checkRecord(outer, 'what outer returns', '{ value, dw, dλ }');
  const { dw, dλ, dlambda } = outer;
  return { dw: like(dw, w, 'dw of outer'), dλ: like(dλ ?? dlambda, λ, 'dλ of outer') };
}

/** A copy of what a user's function has returned. @throws InputError or ShapeError unless it is a vector like w. */
function like(value: Float64Array, w: Float64Array, what: string): Float64Array {
  float64.check(value, w, what);
  return value.slice();
}

function curvatureAt(
  problem: DerivativeProblem | GaussNewtonProblem,
  w: Float64Array,
  λ: Float64Array,
  kind: InnerCurvature,
) {
  const known = kind === 'hessian' || 'innerGaussNewton' in problem;
  if (known) {
    const isHessian = !('innerGaussNewton' in problem) || kind === 'hessian';
    const [at, by] = [w.slice(), λ.slice()];
    const A = isHessian ? problem.innerHessian(at, by) : problem.innerGaussNewton(at, by);
    checkMethods(A, isHessian ? 'innerHessian' : 'innerGaussNewton', ['apply', 'dispose']);
    return A;
  }
  throw new InputError({
    given: "curvature: 'gauss-newton' for a problem without innerGaussNewton",
    expected: 'its products, or the Hessian',
    remedy: "Give innerGaussNewton(w, λ), or use curvature: 'hessian'.",
  });
}
