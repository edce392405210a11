import * as tf from '@tensorflow/tfjs';
import { valueAndGradient } from '../../lib/autodiff';
import { type Random, random } from '../../lib/numbers';
import type { NamedTensors } from '../../lib/spaces';
import type { Learner } from './train';

/** A dense network `aₗ = σ(aₗ₋₁Wₗ + bₗ)`, without σ at the end, with parameters W1, b1, …, as `mlp` has. */
export interface DenseNetwork {
  layers: number;
  activate(z: tf.Tensor2D): tf.Tensor2D;
}

/** What a label is drawn as, given the logits: for the Fisher matrix of the model, not of the data. */
export type DrawLabels = (z: tf.Tensor2D, stream: Random) => tf.Tensor2D;

/** One-hot classes by the softmax of the logits. */
export const drawClasses: DrawLabels = (z, stream) =>
  tf.tidy(() => {
    const cumulative = tf.cumsum(tf.softmax(z), 1);
    const draws = tf.tensor2d(
      Float32Array.from({ length: z.shape[0] }, () => stream.uniform()),
      [z.shape[0], 1],
    );
    const chosen = tf.sum(tf.cast(tf.less(cumulative, draws), 'int32'), 1);
    const last = z.shape[1] - 1;
    return tf.cast(
      tf.oneHot(tf.minimum(chosen, last).toInt(), z.shape[1]),
      'float32',
    ) as tf.Tensor2D;
  });

/** 0 or 1 for each output by its sigmoid. */
export const drawBits: DrawLabels = (z, stream) =>
  tf.tidy(() => {
    const draws = Float32Array.from({ length: z.size }, () => stream.uniform());
    return tf.cast(tf.less(tf.tensor2d(draws, z.shape), tf.sigmoid(z)), 'float32') as tf.Tensor2D;
  });

/** The two factors of each layer: `A = E[āāᵀ]`, ā with a 1 for the bias, and `S = E[ggᵀ]`. */
export interface Factors {
  A: tf.Tensor2D;
  S: tf.Tensor2D;
}

type Loss = (y: tf.Tensor2D, z: tf.Tensor2D) => tf.Scalar;

/**
 * The factors of all layers on a batch, with labels y that were drawn from the model.
 *
 * @param loss the mean over examples; g is of one example's own loss
 */
export function factorsOf(
  { layers, activate }: DenseNetwork,
  params: NamedTensors,
  x: tf.Tensor2D,
  label: (z: tf.Tensor2D) => tf.Tensor2D,
  loss: Loss,
): Factors[] {
  return tf.tidy(() => {
    const inputs: tf.Tensor2D[] = [];
    const forward = (probes: NamedTensors) => {
      let a = x;
      inputs.length = 0;
      for (let l = 1; l <= layers; l++) {
        inputs.push(a);
        const z = tf.add(
          tf.add(tf.matMul(a, params[`W${l}`] as tf.Tensor2D), params[`b${l}`]!),
          probes[`z${l}`]!,
        );
        a = (l < layers ? activate(z as tf.Tensor2D) : z) as tf.Tensor2D;
      }
      return a;
    };
    const rows = x.shape[0];
    const probes = Object.fromEntries(
      Array.from({ length: layers }, (_, i) => [
        `z${i + 1}`,
        tf.zeros([rows, params[`b${i + 1}`]!.size]),
      ]),
    );
    const y = label(forward(probes));
    const kept = [...inputs];
    const { gradient } = valueAndGradient(
      (p: NamedTensors) => tf.tidy(() => loss(y, forward(p))),
      probes,
    );
    return kept.map((a, i) => {
      const extended = tf.concat([a, tf.ones([rows, 1])], 1) as tf.Tensor2D;
      // The mean of the losses divides by the rows once; E[ggᵀ] of single losses takes it back.
      const g = tf.mul(rows, gradient[`z${i + 1}`]!) as tf.Tensor2D;
      return {
        A: tf.div(tf.matMul(extended, extended, true), rows) as tf.Tensor2D,
        S: tf.div(tf.matMul(g, g, true), rows) as tf.Tensor2D,
      };
    });
  });
}

export interface KfacOptions {
  rate: number;
  /** γ of the damping. */
  damping: number;
  /** Steps between two inversions. Default 20. */
  every?: number;
  draw?: DrawLabels;
}

/** Of the averages of the factors, and of the momentum. */
const [KEPT, MOMENTUM] = [0.95, 0.9];

/**
 * K-FAC for dense networks, a peer: steps `W ← W − η S⁻¹ ∇W A⁻¹` with the damping split between the
 * factors, averages of these over batches, and momentum.
 *
 * @see Martens & Grosse, [Optimizing neural networks with Kronecker-factored approximate
 *   curvature](https://arxiv.org/abs/1503.05671), 2015, §3.
 */
export function kfac(
  network: DenseNetwork,
  loss: Loss,
  { rate, damping, every = 20, draw = drawClasses }: KfacOptions,
): Learner {
  const stream = random(1);
  let averages: Factors[] = [];
  let inverses: Factors[] = [];
  const momentum: Record<string, tf.Tensor> = {};
  let steps = 0;

  function renew(variables: Record<string, tf.Variable>, x: tf.Tensor2D): void {
    const fresh = factorsOf(network, variables, x, (z) => draw(z, stream), loss);
    const share = Math.max(1 / (steps + 1), 1 - KEPT);
    const next = tf.tidy(() =>
      fresh.map(({ A, S }, i) => {
        const old = averages[i];
        if (old === undefined) return { A: A.clone(), S: S.clone() };
        const mixed = (a: tf.Tensor2D, b: tf.Tensor2D) =>
          tf.add(tf.mul(1 - share, a), tf.mul(share, b)) as tf.Tensor2D;
        return { A: mixed(old.A, A), S: mixed(old.S, S) };
      }),
    );
    free(fresh, averages);
    averages = next;
    // Often at first, while the averages are young.
    if (steps % every !== 0 && steps !== 5) return;
    free(inverses);
    inverses = averages.map(({ A, S }) => damped(A, S, damping));
  }

  return {
    learn(variables, { x }, value) {
      renew(variables, x as tf.Tensor2D);
      const { value: cost, gradient } = valueAndGradient(
        (p: NamedTensors) => tf.tidy(() => value(p)),
        variables,
      );
      for (let l = 1; l <= network.layers; l++) {
        const [W, b] = [variables[`W${l}`]!, variables[`b${l}`]!];
        const { A, S } = inverses[l - 1]!;
        const kept = tf.tidy(() => {
          const both = tf.concat(
            [gradient[`W${l}`]!, tf.reshape(gradient[`b${l}`]!, [1, -1])],
            0,
          ) as tf.Tensor2D;
          const natural = tf.matMul(tf.matMul(A, both), S);
          const old = momentum[l];
          const next = old ? tf.add(tf.mul(MOMENTUM, old), natural) : natural;
          const [rows, columns] = W.shape as [number, number];
          W.assign(tf.sub(W, tf.mul(rate, tf.slice(next, [0, 0], [rows, columns]))));
          b.assign(
            tf.sub(b, tf.mul(rate, tf.reshape(tf.slice(next, [rows, 0], [1, columns]), b.shape))),
          );
          return tf.keep(next);
        });
        momentum[l]?.dispose();
        momentum[l] = kept;
      }
      tf.dispose([cost, gradient]);
      steps += 1;
    },
    dispose() {
      free(averages, inverses);
      tf.dispose(Object.values(momentum));
    },
  };
}

/** `(A + π√γ I)⁻¹` and `(S + √γ/π I)⁻¹`, with π² the ratio of the mean eigenvalues. */
export function damped(A: tf.Tensor2D, S: tf.Tensor2D, damping: number): Factors {
  const mean = (M: tf.Tensor2D) => {
    const [n, entries] = [M.shape[0], M.dataSync()];
    let sum = 0;
    for (let i = 0; i < n; i++) sum += entries[i * n + i]!;
    return sum / n;
  };
  const pi = Math.sqrt(Math.max(mean(A), 1e-12) / Math.max(mean(S), 1e-12));
  const root = Math.sqrt(damping);
  return { A: inverse(A, pi * root), S: inverse(S, root / pi) };
}

/** `(M + cI)⁻¹` for a symmetric M, by Cholesky in double precision: `L⁻ᵀL⁻¹`. */
function inverse(M: tf.Tensor2D, c: number): tf.Tensor2D {
  const n = M.shape[0];
  const L = Float64Array.from(M.dataSync());
  for (let i = 0; i < n; i++) L[i * n + i]! += c;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = L[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= L[i * n + k]! * L[j * n + k]!;
      L[i * n + j] = j < i ? sum / L[j * n + j]! : Math.sqrt(sum);
    }
  }
  // Row j of K is column j of L⁻¹, so that both loops run along rows.
  const K = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    K[j * n + j] = 1 / L[j * n + j]!;
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += L[i * n + k]! * K[j * n + k]!;
      K[j * n + i] = -sum / L[i * n + i]!;
    }
  }
  return tf.tidy(() => {
    const columns = tf.tensor2d(Float32Array.from(K), [n, n]);
    return tf.matMul(columns, columns, false, true);
  });
}

const free = (...lists: Factors[][]) => tf.dispose(lists.flat().flatMap(({ A, S }) => [A, S]));
