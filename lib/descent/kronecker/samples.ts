import * as tf from '@tensorflow/tfjs';
import type { Factors } from '../../autodiff';
import type { Random } from '../../numbers';
import { type NamedTensors, tensors } from '../../spaces';

/**
 * w = Jᵀu with a random u of covariance S, so that `E[wwᵀ] = JᵀSJ`; belongs to the caller.
 *
 * For each example i, `uᵢ = Sᵢω √(ωᵀSᵢω)/‖Sᵢω‖` with a normal ω: its covariance is Sᵢ where the eigenvalues of
 * Sᵢ are 0 and one other value, as for squares, two classes, or classes that are equally likely;
 * elsewhere it has the trace and the eigenvectors of Sᵢ. It takes no root of Sᵢ.
 *
 * @param factors of a loss that is a sum over examples, the first axis of the outputs
 */
export const sample = ({ outputs, middle, vjp }: Factors, stream: Random): NamedTensors =>
  tensors.keep(
    tensors.tidy(() => {
      const probes: NamedTensors = {};
      for (const [name, { shape, size }] of Object.entries(outputs)) {
        probes[name] = tf.tensor(Float32Array.from(stream.normals(size)), shape);
      }
      const curved = middle(probes);
      for (const [name, ω] of Object.entries(probes)) curved[name] = scaled(ω, curved[name]!);
      return vjp(curved);
    }),
  );

/** Sω for each example, multiplied by `√(ωᵀSω)/‖Sω‖`. */
function scaled(ω: tf.Tensor, Sω: tf.Tensor): tf.Tensor {
  const examples = ω.rank === 0 ? 1 : ω.shape[0]!;
  const [one, other] = [ω, Sω].map((x) => tf.reshape(x, [examples, -1])) as [tf.Tensor, tf.Tensor];
  // Divided by the largest entry first, since squares of small numbers vanish.
  const size = tf.max(tf.abs(other), 1, true);
  const unit = tf.divNoNan(other, size);
  const along = tf.relu(tf.sum(tf.mul(one, unit), 1, true));
  const factor = tf.sqrt(tf.divNoNan(tf.mul(along, size), tf.sum(tf.square(unit), 1, true)));
  return tf.reshape(tf.mul(unit, factor), ω.shape);
}
