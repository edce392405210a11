import type { DerivativePieces, Form, GradientDerivative } from '../problems';
import {
  type LinearOperator,
  observed,
  observedLoops,
  type SolverLoops,
  type Space,
} from '../spaces';

/** How many products were computed, and the function called before each. */
export interface Count {
  products: number;
  watch?: () => void;
}

function note(count: Count): void {
  count.watch?.();
  count.products++;
}

/** An operator whose products are counted, its iterations in one call too. */
export function countProducts<V>(A: LinearOperator<V>, count: Count): LinearOperator<V> {
  const counted = observed(A, (multiply) => {
    note(count);
    return multiply();
  });
  return A.loops === undefined ? counted : { ...counted, loops: countLoops(A.loops, count) };
}

/** The derivative of a gradient whose products are counted. */
export function countDerivative<V>(derivative: GradientDerivative<V>, count: Count) {
  const counted: GradientDerivative<V> = {
    get value() {
      return derivative.value;
    },
    jvp(dw, dλ) {
      note(count);
      return derivative.jvp(dw, dλ);
    },
    vjp(u) {
      note(count);
      return derivative.vjp(u);
    },
    ...(derivative.hessian && {
      hessian(v: V) {
        note(count);
        return derivative.hessian!(v);
      },
    }),
    ...(derivative.operator && { operator: countProducts(derivative.operator, count) }),
    ...(derivative.execution && { execution: derivative.execution }),
    ...(derivative.loops && { loops: countLoops(derivative.loops, count) }),
    ...(derivative.mixed && {
      mixed(u: V) {
        note(count);
        return derivative.mixed!(u);
      },
    }),
    ...(derivative.inPieces && { inPieces: countPieces(derivative.inPieces, count) }),
    dispose: () => derivative.dispose(),
  };
  return counted;
}

function countPieces<V>(
  { jvp, vjp, hessian, mixed }: DerivativePieces<V>,
  count: Count,
): DerivativePieces<V> {
  return {
    *jvp(dw, dλ) {
      note(count);
      return yield* jvp(dw, dλ);
    },
    *vjp(u) {
      note(count);
      return yield* vjp(u);
    },
    ...(hessian && {
      *hessian(v: V) {
        note(count);
        return yield* hessian(v);
      },
    }),
    ...(mixed && {
      *mixed(u: V) {
        note(count);
        return yield* mixed(u);
      },
    }),
  };
}

/** Iterations in one call whose products are counted. */
const countLoops = <V>(loops: SolverLoops<V>, count: Count): SolverLoops<V> =>
  observedLoops(loops, (run) => {
    count.watch?.();
    const report = run();
    count.products += report.taken;
    return report;
  });

/** All at one point, for the estimate of the error. */
export interface Evaluation<V> {
  space: Space<V, unknown>;
  form: Omit<Form<V>, 'curvature'>;
  count: Count;
  w: V;
  λ: V;
  /** The adjoint, as it was computed. */
  v: V;
  outer: { dw: V; dλ: V };
  derivative: GradientDerivative<V>;
  /** `H v` and `Bᵀ v`. */
  pulled: { w: V; λ: V };
}
