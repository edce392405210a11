import * as tf from '@tensorflow/tfjs';
import {
  gradientInPieces,
  gradientOf,
  linearize,
  recordGradient,
  recordGradientInPieces,
  recordGradientOf,
  recordSelectedInPieces,
  rememberedOf,
  valueAndGradient,
  valueAndGradientInPieces,
} from '../autodiff';
import type { Pausing } from '../event-loop';
import { type LinearOperator, mapTensors, type NamedTensors } from '../spaces';
import { requireFunctions } from './checks';
import type { Form, InnerCurvature, InnerForm } from './form-types';
import { join, split } from './pair';
import type { LossProblem } from './problem';

/** The form of a problem given by two losses, at λ. */
export function tensorForm(problem: LossProblem, λ: NamedTensors): Form<NamedTensors> {
  requireFunctions(problem, ['inner', 'outer']);
  const outerLoss = (both: NamedTensors) => {
    const parts = split(both);
    return problem.outer(parts.w, parts.λ);
  };
  const outerOf = ({ gradient, auxiliary }: ReturnType<typeof valueAndGradient>) => {
    const { w: dw, λ: dλ } = split(gradient);
    return auxiliary === undefined ? { dw, dλ } : { dw, dλ, auxiliary };
  };
  return {
    ...tensorInnerForm((w, λ, step) => problem.inner(w, λ, step), λ, problem.inner),
    curvature: (w, kind) => curvatureAt(problem, w, λ, kind),
    curvatureInPieces: (w, kind) => curvatureInPieces(problem, w, λ, kind),
    outer: (w) => tf.tidy(() => outerOf(valueAndGradient(outerLoss, join(w, λ)))),
    *outerInPieces(w) {
      const found = yield* valueAndGradientInPieces(outerLoss, join(w, λ));
      found.value.dispose();
      return outerOf(found);
    },
  };
}

/** An inner loss on named tensors; methods with minibatches find them by the number of the step. */
type InnerLoss = (w: NamedTensors, λ: NamedTensors, step: number) => tf.Scalar;

/**
 * The form of an inner loss on named tensors, at λ.
 *
 * @param declared the loss as it was given, which `compiled` may have made
 */
function tensorInnerForm(
  inner: InnerLoss,
  λ: NamedTensors,
  declared: unknown,
): InnerForm<NamedTensors> {
  const remembered = rememberedOf(declared);
  const gradientAt = (w: NamedTensors, λ: NamedTensors, step: number) =>
    valueAndGradient((x) => inner(x, λ, step), w).gradient;
  return {
    gradient: (w, step) =>
      gradientOf((w, λ) => inner(w, λ, step), w, λ, remembered) ??
      tf.tidy(() => gradientAt(w, λ, step)),
    linearize(w, step) {
      const traced = recordGradientOf((w, λ) => inner(w, λ, step), w, λ, remembered);
      if (traced !== undefined) return { ...traced, value: traced.gradient };
      const recorded = linearize(
        (both) => {
          const parts = split(both);
          return gradientAt(parts.w, parts.λ, step);
        },
        join(w, λ),
      );
      return {
        value: recorded.value,
        jvp: (dw, dλ) => recorded.jvp(join(dw, dλ)),
        vjp: (u) => split(recorded.vjp(u)),
        inPieces: {
          jvp: (dw, dλ) => recorded.inPieces.jvp(join(dw, dλ)),
          *vjp(u) {
            return split(yield* recorded.inPieces.vjp(u));
          },
        },
        execution: 'interpreted',
        dispose: () => recorded.dispose(),
      };
    },
    inPieces: {
      gradient: (w, step) => gradientInPieces((w, λ) => inner(w, λ, step), w, λ, remembered),
      *linearize(w, step) {
        const loss = (w: NamedTensors, λ: NamedTensors) => inner(w, λ, step);
        const recorded = yield* recordGradientInPieces(loss, w, λ, remembered);
        return { ...recorded, value: recorded.gradient };
      },
    },
  };
}

function curvatureAt(problem: LossProblem, w: NamedTensors, λ: NamedTensors, kind: InnerCurvature) {
  // Copies, so that a loss which also closes over the tensors of w sees those as constants.
  const copies = mapTensors(w, (value) => value.clone());
  try {
    return recordGradient(() => problem.inner(copies, λ, 1), copies, { curvature: kind });
  } finally {
    for (const copy of Object.values(copies)) copy.dispose();
  }
}

function* curvatureInPieces(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  kind: InnerCurvature,
): Pausing<LinearOperator<NamedTensors>> {
  const copies = mapTensors(w, (value) => tf.keep(value.clone()));
  const selection = { variables: copies, block: Object.keys(copies) };
  try {
    const loss = () => problem.inner(copies, λ, 1);
    return yield* recordSelectedInPieces(loss, () => selection, kind);
  } finally {
    tf.dispose(copies);
  }
}
