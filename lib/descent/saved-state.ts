import * as tf from '@tensorflow/tfjs';
import { DisposedError, InputError, NotFiniteError, ShapeError } from '../errors';
import { phrase } from '../options';
import { tensors } from '../spaces';

/** An optimizer's own state, in the form in which models save it. */
export type NamedWeights = Awaited<ReturnType<tf.Optimizer['getWeights']>>;
export type NamedTensor = NamedWeights[number];

/** The moments that Adam keeps of one parameter. */
export interface Moment {
  name: string;
  /** The average of the gradient, and that of its square. */
  m: tf.Tensor;
  v: tf.Tensor;
  /** Steps that they are averages of. */
  steps: number;
}

/** The state of an optimizer: the number of steps taken, and its values for each parameter. */
export interface SavedState {
  iterations: number;
  /** Held by the caller. */
  moments: Moment[];
}

/**
 * Weights as TensorFlow.js lists them: the count, all m, all v. Where parameters have been moved in
 * fewer steps than the optimizer has taken, their counts follow.
 */
export function toWeights(
  iterations: tf.Tensor,
  count: number,
  moments: readonly Moment[],
): { weights: NamedWeights; made: tf.Tensor | undefined } {
  const listed = (key: 'm' | 'v') =>
    moments.map((moment) => ({ name: `${moment.name}/${key}`, tensor: moment[key] }));
  const weights = [{ name: 'iter', tensor: iterations }, ...listed('m'), ...listed('v')];
  if (moments.every(({ steps }) => steps === count)) return { weights, made: undefined };
  const made = tf.keep(
    tf.tensor1d(
      moments.map(({ steps }) => steps),
      'int32',
    ),
  );
  return { weights: [...weights, { name: 'steps', tensor: made }], made };
}

/**
 * Reads the state from weights, by copies: the weights may be the very tensors that are replaced.
 *
 * @throws InputError, ShapeError, DisposedError or NotFiniteError for anything but a state.
 */
export async function fromWeights(weights: NamedWeights): Promise<SavedState> {
  checkWeights(weights);
  const copies = weights.map(({ name, tensor }) => ({ name, tensor: tf.keep(tensor.clone()) }));
  const freeLater = new Set(copies.map(({ tensor }) => tensor));
  try {
    const [count, ...rest] = copies as [NamedTensor, ...NamedTensor[]];
    const iterations = requireCount((await count.tensor.data())[0]!, 'the count of steps');
    const counts = rest.length % 2 === 1 ? rest.pop()! : undefined;
    const size = rest.length / 2;
    const steps = counts && [...(await counts.tensor.data())];
    if (steps && steps.length !== size) {
      throw wrongState(`the counts of ${steps.length} parameters with the moments of ${size}`);
    }
    const moments = rest.slice(0, size).map(({ name, tensor }, i) => ({
      name: name.replace(/\/m$/, ''),
      m: tensor,
      v: rest[size + i]!.tensor,
      steps: steps === undefined ? iterations : requireCount(steps[i]!, `steps of '${name}'`),
    }));
    for (const moment of moments) await checkMoment(moment);
    for (const { m, v } of moments) {
      freeLater.delete(m);
      freeLater.delete(v);
    }
    return { iterations, moments };
  } finally {
    tensors.free([...freeLater]);
  }
}

function checkWeights(weights: NamedWeights): void {
  if (!Array.isArray(weights) || weights.length === 0) {
    throw wrongState(Array.isArray(weights) ? 'an empty list' : phrase(weights));
  }
  for (const entry of weights as (Partial<NamedTensor> | undefined)[]) {
    if (!(entry?.tensor instanceof tf.Tensor) || typeof entry.name !== 'string') {
      throw wrongState('a list of something else than named tensors');
    }
    if (!entry.tensor.isDisposed) continue;
    throw new DisposedError({
      given: `the saved '${entry.name}', which is disposed`,
      expected: 'live tensors',
      remedy: 'What getWeights() returned lives until the next step: clone it to keep it longer.',
    });
  }
  const [count] = weights as [NamedTensor];
  if (count.tensor.size !== 1) throw wrongState(`'${count.name}' of shape [${count.tensor.shape}]`);
}

async function checkMoment({ name, m, v }: Moment): Promise<void> {
  if (!tf.util.arraysEqual(m.shape, v.shape) || m.dtype !== 'float32' || v.dtype !== 'float32') {
    throw new ShapeError({
      given: `moments of '${name}' of shapes [${m.shape}] (${m.dtype}) and [${v.shape}] (${v.dtype})`,
      expected: 'two float32 tensors of one shape: first all m, then all v in the same order',
      remedy: 'Restore what getWeights() of the same kind of optimizer returned, in its order.',
    });
  }
  const [first, second] = await Promise.all([m.data(), v.data()]);
  if (first.every(Number.isFinite) && second.every((x) => x >= 0 && Number.isFinite(x))) return;
  throw new NotFiniteError({
    given: `moments of '${name}' that are not finite, or squares below 0`,
    expected: 'finite numbers, and averages of squares',
    remedy: 'Look at how the state was saved: m comes first, then v.',
  });
}

function requireCount(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw wrongState(`${what} of ${value}`);
}

export const wrongState = (given: string) =>
  new InputError({
    given: `${given} as the state of an optimizer`,
    expected: 'what getWeights() returned: the count of steps, and then the moments, if any',
    remedy: 'Take the state of the same kind of optimizer.',
  });
