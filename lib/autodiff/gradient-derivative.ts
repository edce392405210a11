import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../event-loop';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkAlive, checkFinite, checkPoint } from './check';
import { unmarked } from './compiled';
import { listed, named, namesOf } from './named';
import { type Evaluation, evaluateTraced, type Remembered } from './traced';

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
  /** The products to be left for a while, where they go operation by operation; what they return is kept. */
  readonly inPieces?: {
    jvp(dw: NamedTensors, dλ: NamedTensors): Pausing<NamedTensors>;
    vjp(u: NamedTensors): Pausing<{ w: NamedTensors; λ: NamedTensors }>;
    hessian(v: NamedTensors): Pausing<NamedTensors>;
    mixed(u: NamedTensors): Pausing<NamedTensors>;
  };
  /** A product on numbers in the backend's memory, by their addresses, where a program is known. */
  readonly productAt?: Evaluation['productAt'];
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
  const ofW = (x: readonly tf.Tensor[]) => named(w, [...x]);
  const ofλ = (x: readonly tf.Tensor[]) => named(λ, [...x]);
  const count = Object.keys(w).length;
  const both = (pulled: tf.Tensor[]) => ({
    w: ofW(pulled.slice(0, count)),
    λ: ofλ(pulled.slice(count)),
  });
  const gradient = evaluation.gradient().map((g) => tf.keep(g));
  const pieces = evaluation.productInPieces;
  return {
    gradient: ofW(gradient),
    jvp: (dw, dλ) => ofW(evaluation.product('push', [...listed(w, dw), ...listed(λ, dλ)])),
    vjp: (u) => both(evaluation.product('pull', listed(w, u))),
    hessian: (v) => ofW(evaluation.product('pull to the varied', listed(w, v))),
    mixed: (u) => ofλ(evaluation.product('pull to the rest', listed(w, u))),
    ...(pieces && {
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
    }),
    ...(evaluation.productAt && { productAt: evaluation.productAt }),
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

function evaluated(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  purpose: 'gradient' | 'products',
  remembered?: Remembered,
) {
  checkPoint(w, 'the point');
  for (const name of Object.keys(λ)) checkAlive(λ[name]!, `the hyperparameter '${name}'`);
  // Copies: where the loss also closes over the tensors of w or λ, those are constants.
  const copies = {
    w: mapTensors(w, (value) => value.clone()),
    λ: mapTensors(λ, (value) => value.clone()),
  };
  const all = [...Object.values(copies.w), ...Object.values(copies.λ)];
  try {
    const evaluation = evaluateTraced(
      unmarked(() => loss(copies.w, copies.λ), remembered),
      { all, varied: Object.keys(w).length },
      purpose,
      remembered && { remembered, names: namesOf(w, λ) },
    );
    if (evaluation === undefined) return undefined;
    try {
      checkFinite(evaluation.value);
      return evaluation;
    } catch (error) {
      evaluation.dispose();
      throw error;
    }
  } finally {
    for (const copy of all) copy.dispose();
  }
}
