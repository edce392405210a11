import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../event-loop';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkAlive, checkFinite, checkPoint } from './check';
import { unmarked } from './compiled';
import type { Execution } from './execution';
import { listed, named, namesOf } from './named';
import { type Evaluation, evaluateInPieces, evaluateTraced, type Remembered } from './traced';

/** The gradient of a loss in w, with its derivative with respect to w and to other tensors λ. */
export interface RecordedGradient {
  /** `∇_w f`, owned by this. */
  readonly gradient: NamedTensors;
  /** `H dw + B dλ`. */
  jvp(dw: NamedTensors, dλ: NamedTensors): NamedTensors;
  /** `H u` and `Bᵀ u`. */
  vjp(u: NamedTensors): { w: NamedTensors; λ: NamedTensors };
  /** `H v` alone. */
  hessian(v: NamedTensors): NamedTensors;
  /** `Bᵀ u` alone: what only w decides is left out. */
  mixed(u: NamedTensors): NamedTensors;
  /** The products to be left for a while; what they return is kept. */
  readonly inPieces: {
    jvp(dw: NamedTensors, dλ: NamedTensors): Pausing<NamedTensors>;
    vjp(u: NamedTensors): Pausing<{ w: NamedTensors; λ: NamedTensors }>;
    hessian(v: NamedTensors): Pausing<NamedTensors>;
    mixed(u: NamedTensors): Pausing<NamedTensors>;
  };
  /** A product on numbers in the backend's memory, by their addresses, where a program is known. */
  readonly productAt?: Evaluation['productAt'];
  /** Whether a program computes the products. */
  readonly execution: Execution;
  dispose(): void;
}

/**
 * The gradient of f(w, λ) in w and products with `H = ∂²f/∂w²` and `B = ∂²f/∂w∂λ`, from one
 * evaluation; by a program where one is known for the structure of f.
 *
 * @param remembered of a loss that was declared pure by `compiled`
 * @returns undefined where programs cannot run: inside a gradient, or on another backend than wasm
 * @throws as `valueAndGradient` does.
 */
export function recordGradientOf(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered?: Remembered,
): RecordedGradient | undefined {
  const evaluation = evaluated(loss, w, λ, 'products', remembered);
  if (evaluation === undefined) return undefined;
  const gradient = evaluation.gradient().map((g) => tf.keep(g));
  return recordedOf(evaluation, gradient, w, λ);
}

/** The same, to be left for a while within it; also where no program can run. */
export function* recordGradientInPieces(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered?: Remembered,
): Pausing<RecordedGradient> {
  const evaluation = yield* evaluatedInPieces(loss, w, λ, 'products', remembered);
  try {
    return recordedOf(evaluation, yield* evaluation.gradientInPieces(), w, λ);
  } catch (error) {
    evaluation.dispose();
    throw error;
  }
}

function recordedOf(
  evaluation: Evaluation,
  gradient: readonly tf.Tensor[],
  w: NamedTensors,
  λ: NamedTensors,
): RecordedGradient {
  const ofW = (x: readonly tf.Tensor[]) => named(w, [...x]);
  const ofλ = (x: readonly tf.Tensor[]) => named(λ, [...x]);
  const count = Object.keys(w).length;
  const both = (pulled: tf.Tensor[]) => ({
    w: ofW(pulled.slice(0, count)),
    λ: ofλ(pulled.slice(count)),
  });
  const pieces = evaluation.productInPieces;
  return {
    gradient: ofW(gradient),
    jvp: (dw, dλ) => ofW(evaluation.product('push', [...listed(w, dw), ...listed(λ, dλ)])),
    vjp: (u) => both(evaluation.product('pull', listed(w, u))),
    hessian: (v) => ofW(evaluation.product('pull to the varied', listed(w, v))),
    mixed: (u) => ofλ(evaluation.product('pull to the rest', listed(w, u))),
    inPieces: {
      *jvp(dw, dλ) {
        return ofW(yield* pieces('push', [...listed(w, dw), ...listed(λ, dλ)]));
      },
      *vjp(u) {
        return both(yield* pieces('pull', listed(w, u)));
      },
      *hessian(v) {
        return ofW(yield* pieces('pull to the varied', listed(w, v)));
      },
      *mixed(u) {
        return ofλ(yield* pieces('pull to the rest', listed(w, u)));
      },
    },
    ...(evaluation.productAt && { productAt: evaluation.productAt }),
    execution: evaluation.productAt ? 'partly compiled' : 'interpreted',
    dispose() {
      for (const tensor of gradient) tensor.dispose();
      evaluation.dispose();
    },
  };
}

/** The same for the gradient alone, the caller's. */
export function gradientOf(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered?: Remembered,
): NamedTensors | undefined {
  const evaluation = evaluated(loss, w, λ, 'gradient', remembered);
  if (evaluation === undefined) return undefined;
  try {
    return named(w, evaluation.gradient());
  } finally {
    evaluation.dispose();
  }
}

/** The same of the gradient alone, to be left for a while within it, kept; also where no program can run. */
export function* gradientInPieces(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered?: Remembered,
): Pausing<NamedTensors> {
  const evaluation = yield* evaluatedInPieces(loss, w, λ, 'gradient', remembered);
  try {
    return named(w, yield* evaluation.gradientInPieces());
  } finally {
    evaluation.dispose();
  }
}

function evaluated(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  purpose: 'gradient' | 'products',
  remembered?: Remembered,
) {
  const { copies, arguments: given } = atCopies(loss, w, λ, remembered);
  try {
    const evaluation = evaluateTraced(given.loss, given.leaves, purpose, given.pure);
    return evaluation && finite(evaluation);
  } finally {
    tf.dispose(copies);
  }
}

function* evaluatedInPieces(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  purpose: 'gradient' | 'products',
  remembered?: Remembered,
): Pausing<Evaluation> {
  const { copies, arguments: given } = atCopies(loss, w, λ, remembered);
  for (const copy of copies) tf.keep(copy);
  try {
    return finite(yield* evaluateInPieces(given.loss, given.leaves, purpose, given.pure));
  } finally {
    tf.dispose(copies);
  }
}

/** The arguments of an evaluation at copies: where the loss closes over tensors of w or λ, those are constants. */
function atCopies(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered?: Remembered,
) {
  checkPoint(w, 'the point');
  for (const name of Object.keys(λ)) checkAlive(λ[name]!, `the hyperparameter '${name}'`);
  const copyOf = (x: NamedTensors) => mapTensors(x, (value) => value.clone());
  const at = { w: copyOf(w), λ: copyOf(λ) };
  const all = [...Object.values(at.w), ...Object.values(at.λ)];
  return {
    copies: all,
    arguments: {
      loss: unmarked(() => loss(at.w, at.λ), remembered),
      leaves: { all, varied: Object.keys(w).length },
      pure: remembered && { remembered, names: namesOf(w, λ) },
    },
  };
}

function finite(evaluation: Evaluation): Evaluation {
  try {
    checkFinite(evaluation.value);
    return evaluation;
  } catch (error) {
    evaluation.dispose();
    throw error;
  }
}
