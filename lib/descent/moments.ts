import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';
import { pick } from './variables';

/** Averages of the gradient and of its square, by name. */
export interface Moments {
  m: NamedTensors;
  v: NamedTensors;
}

interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** The moments that Adam keeps of each parameter from step to step. */
export class KeptMoments {
  #m: NamedTensors = {};
  #v: NamedTensors = {};
  /** What a saved optimizer held, until it is given to the parameters it belongs to. */
  #saved: NamedTensor[] | undefined;

  /**
   * The moments of these parameters, zero for those not met before.
   *
   * @throws ShapeError for a name that stood for a parameter of another shape.
   */
  of(parameters: NamedTensors): Moments {
    const names = Object.keys(parameters);
    if (this.#saved !== undefined) this.#adopt(parameters);
    for (const name of names) {
      this.#checkShape(name, parameters[name]!.shape);
      this.#m[name] ??= tf.keep(tf.zeros(parameters[name]!.shape));
      this.#v[name] ??= tf.keep(tf.zeros(parameters[name]!.shape));
    }
    return { m: pick(this.#m, names), v: pick(this.#v, names) };
  }

  /** Puts new moments in the place of old ones, which are freed. */
  replace({ m, v }: Moments): void {
    tensors.keep([m, v]);
    const names = Object.keys(m);
    tensors.free([pick(this.#m, names), pick(this.#v, names)]);
    Object.assign(this.#m, m);
    Object.assign(this.#v, v);
  }

  /** All moments, first m, then v, in the order in which the parameters were met. */
  toWeights(): NamedTensor[] {
    if (this.#saved !== undefined) return this.#saved;
    const listed = (moments: NamedTensors, suffix: string) =>
      Object.entries(moments).map(([name, tensor]) => ({ name: `${name}/${suffix}`, tensor }));
    return [...listed(this.#m, 'm'), ...listed(this.#v, 'v')];
  }

  /** Takes copies of what `toWeights` gave; names do not count, since loading changes them. */
  fromWeights(weights: readonly NamedTensor[]): void {
    this.dispose();
    this.#saved = weights.map(({ name, tensor }) => ({ name, tensor: tf.keep(tensor.clone()) }));
  }

  dispose(): void {
    tensors.free([this.#m, this.#v, this.#saved]);
    this.#m = {};
    this.#v = {};
    this.#saved = undefined;
  }

  #checkShape(name: string, shape: number[]): void {
    const before = this.#m[name]?.shape ?? shape;
    if (tf.util.arraysEqual(before, shape)) return;
    throw new ShapeError({
      given: `'${name}' of shape [${shape}], which was of shape [${before}] before`,
      expected: 'one shape for a name as long as the optimizer lives',
      remedy: 'Make a new optimizer for other parameters, or dispose() this one first.',
    });
  }

  #adopt(parameters: NamedTensors): void {
    const saved = this.#saved!.map(({ tensor }) => tensor);
    const names = Object.keys(parameters);
    const fits = (name: string, tensor: tf.Tensor | undefined) =>
      tensor !== undefined && tf.util.arraysEqual(tensor.shape, parameters[name]!.shape);
    const count = names.length;
    const wrong = names.find((name, i) => !fits(name, saved[i]) || !fits(name, saved[count + i]));
    if (saved.length !== 2 * count || wrong !== undefined) {
      throw new ShapeError({
        given: `${saved.length} saved moments for ${count} parameters${
          wrong === undefined
            ? ''
            : `, and none of shape [${parameters[wrong]!.shape}] for '${wrong}'`
        }`,
        expected: 'two for each parameter, of its shape',
        remedy: 'Restore the optimizer for the model it was saved with.',
      });
    }
    names.forEach((name, i) => {
      this.#m[name] = saved[i]!;
      this.#v[name] = saved[count + i]!;
    });
    this.#saved = undefined;
  }
}
