import * as tf from '@tensorflow/tfjs';
import { checkScalar, variableGradients } from '../../autodiff';
import { InputError, NotFiniteError } from '../../errors';
import { finish } from '../../event-loop';
import { type NamedTensors, tensors } from '../../spaces';
import { finiteNorm, requireFinite, requireSame } from './checks';
import type { InnerProblem, InnerStep, Memory, Mover } from './mover';
import { type Place, variablesOf } from './place';
import type { OuterFacts } from './step-control';

/** An optimizer with steps of its own that are waited for, as those of this library have. */
type SteppingOptimizer = tf.Optimizer & {
  step(f: () => tf.Scalar, variables: tf.Variable[]): Promise<{ loss: number }>;
};

const isPlain = ({ minimize }: tf.Optimizer) => minimize === tf.Optimizer.prototype.minimize;
export const isStepping = (optimizer: tf.Optimizer): optimizer is SteppingOptimizer =>
  !isPlain(optimizer) && typeof (optimizer as SteppingOptimizer).step === 'function';

/** Moves variables by an optimizer of TensorFlow.js, or by one with steps of its own. */
export class OptimizerMover implements Mover<NamedTensors> {
  moves = 0;
  readonly #optimizer: tf.Optimizer;
  readonly #variables: Record<string, tf.Variable>;

  constructor(optimizer: tf.Optimizer, place: Place<NamedTensors>) {
    this.#optimizer = optimizer;
    this.#variables = variablesOf(place);
  }

  async descend({ loss }: InnerProblem<NamedTensors>, enough: number): Promise<InnerStep> {
    const variables = Object.values(this.#variables);
    const f = () => {
      const value = loss!();
      checkScalar(value);
      return value;
    };
    // An optimizer with a minimize of its own needs more than gradients, such as the curvature.
    const plain = isPlain(this.#optimizer);
    if (!plain && enough === 0) {
      return { loss: await this.#minimize(f, variables), gradientNorm: undefined, moved: true };
    }
    const { value, grads } = await gradientsOf(this.#optimizer, f, variables);
    try {
      const [cost] = await tensors.read([value]);
      const gradientNorm = await finiteNorm(tensors, grads, 'the norm of an inner gradient');
      requireFinite(cost!, 'an inner loss');
      const moved = gradientNorm > enough;
      if (moved && plain) {
        requireSquares(this.#optimizer, gradientNorm);
        this.moves++;
        this.#optimizer.applyGradients(grads);
      }
      if (moved && !plain) await this.#minimize(f, variables);
      return { loss: cost!, gradientNorm, moved };
    } finally {
      tf.dispose([value, ...Object.values(grads)]);
    }
  }

  /** One step of an optimizer that does not live on gradients; returns the loss before it. */
  async #minimize(f: () => tf.Scalar, variables: tf.Variable[]): Promise<number> {
    const optimizer = this.#optimizer;
    this.moves++;
    if (isStepping(optimizer)) return (await optimizer.step(f, variables)).loss;
    const cost = optimizer.minimize(f, true, variables)!;
    const [value] = await tensors.read([cost]);
    cost.dispose();
    requireFinite(value!, 'an inner loss');
    return value!;
  }

  async follow(gradient: NamedTensors, { norm }: OuterFacts): Promise<void> {
    requireSquares(this.#optimizer, norm);
    this.moves++;
    this.#optimizer.applyGradients(
      Object.fromEntries(
        Object.entries(this.#variables).map(([name, { name: known }]) => [known, gradient[name]!]),
      ),
    );
  }

  async remember(): Promise<Memory | undefined> {
    const weights = await this.#weights();
    if (weights === undefined) return undefined;
    const moments = weights.slice(1).map(({ name, tensor }, i) => [`${i}/${name}`, tensor.clone()]);
    return {
      of: this.#optimizer.getClassName(),
      vectors: moments.length === 0 ? {} : { moments: tensors.keep(Object.fromEntries(moments)) },
      numbers: { iterations: this.#optimizer.iterations },
    };
  }

  async recall({ of, vectors, numbers }: Memory): Promise<void> {
    requireSame(of, this.#optimizer.getClassName());
    const moments = Object.entries((vectors.moments ?? {}) as NamedTensors);
    const iterations = tf.scalar(numbers.iterations!, 'int32');
    const before = (await this.#weights())!;
    try {
      // The optimizer makes variables of the moments, and forgets those it has.
      await this.#optimizer.setWeights([
        { name: 'iter', tensor: iterations },
        ...moments.map(([key, tensor]) => ({ name: key.slice(key.indexOf('/') + 1), tensor })),
      ]);
    } finally {
      tf.dispose([iterations, before.slice(1).map(({ tensor }) => tensor)]);
    }
  }

  dispose(): void {}

  /** The count of steps, a tensor no longer, and then the moments, the optimizer's own. */
  async #weights() {
    const weights = await this.#optimizer.getWeights().catch(() => undefined);
    // The count is made for the asking.
    weights?.[0]?.tensor.dispose();
    return weights;
  }
}

/**
 * The loss and its gradients by the names of the variables, kept.
 *
 * @throws InputError for a loss that depends on none of the variables.
 */
async function gradientsOf(optimizer: tf.Optimizer, f: () => tf.Scalar, variables: tf.Variable[]) {
  if (optimizer.computeGradients !== tf.Optimizer.prototype.computeGradients) {
    return ownGradientsOf(optimizer, f, variables);
  }
  const { value, gradients } = await finish(variableGradients(f, variables));
  if (Object.keys(gradients).length > 0) return { value, grads: gradients };
  value.dispose();
  throw unconnected();
}

/** The same by an optimizer that computes gradients in a way of its own. */
function ownGradientsOf(optimizer: tf.Optimizer, f: () => tf.Scalar, variables: tf.Variable[]) {
  try {
    // A tidy, since TensorFlow.js does not free the loss where it throws.
    return tf.tidy(() => optimizer.computeGradients(f, variables));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('Cannot find a connection')) {
      throw error;
    }
    throw unconnected();
  }
}

const unconnected = () =>
  new InputError({
    given: 'an inner loss that does not depend on w',
    expected: 'inner(w, λ) to use the w that it is given',
    remedy: 'Compute it from its arguments, not from tensors made elsewhere.',
  });

/** Optimizers of TensorFlow.js that remember squares of gradients. */
const SQUARING = new Set(['Adam', 'Adagrad', 'RMSProp', 'Adadelta']);
/** The largest number whose square float32 holds. */
const LARGEST_ROOT = Math.sqrt(3.4e38);

/** @throws NotFiniteError where the squares of a gradient would become ∞, which nothing takes back. */
function requireSquares(optimizer: tf.Optimizer, norm: number): void {
  const name = optimizer.getClassName();
  if (!SQUARING.has(name) || norm < LARGEST_ROOT) return;
  throw new NotFiniteError({
    given: `a gradient of the norm ${norm} for ${name}, which remembers its squares`,
    expected: `a norm below ${LARGEST_ROOT.toPrecision(2)}`,
    remedy: 'Multiply the loss by a small number: Adam takes the same steps.',
  });
}
