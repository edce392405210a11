import * as tf from '@tensorflow/tfjs';
import { checkScalar } from '../autodiff';
import { InputError, NotFiniteError, UnsupportedError } from '../errors';
import type { Method, State } from '../methods';
import { arithmeticOf } from '../methods';
import { type NamedTensors, normsOf, type Space, spaceOf, tensors, type Vector } from '../spaces';
import { type Place, variablesOf } from './place';
import { type OuterFacts, type StepControl, startControl } from './step-control';

/** What moves weights: an optimizer of TensorFlow.js', or a method of `unrolling`, for float64 too. */
export type InnerOptimizer = tf.Optimizer | Method;

/** What moves hyperparameters: the same, or HOAG's step control. */
export type OuterOptimizer = InnerOptimizer | StepControl;

/** An inner problem at the λ and the batch of one step. */
export interface InnerProblem<V> {
  /** Of the weights as they are; of tensors only. */
  loss?: () => tf.Scalar;
  gradient(w: V): V;
}

/** What an inner step saw before it moved the weights. */
export interface InnerStep {
  /** Undefined where the step needs the gradient alone. */
  loss: number | undefined;
  /** `‖∇f‖₂`; undefined for optimizers that keep their gradient to themselves. */
  gradientNorm: number | undefined;
  /** Whether the weights were moved: not where the gradient was small enough. */
  moved: boolean;
}

/** Vectors and numbers that an optimizer remembers from step to step. */
export interface Memory {
  /** Whose memory it is: the name of the optimizer. */
  of: string;
  vectors: Record<string, Vector>;
  numbers: Record<string, number>;
}

/** Moves the vector of one place by its gradients. */
export interface Mover<V> {
  /** How often it has moved anything, or has begun to. */
  readonly moves: number;
  /**
   * An inner step, unless the norm of the gradient is at most `enough` already.
   *
   * @throws NotFiniteError for a loss or a gradient that is not finite, before anything is moved
   *   but by optimizers that take their step in one piece.
   */
  descend(problem: InnerProblem<V>, enough: number): Promise<InnerStep>;
  /**
   * An outer step.
   *
   * @throws NotFiniteError where what is to be remembered of it overflows, before anything is moved.
   */
  follow(gradient: V, facts: OuterFacts): Promise<void>;
  /** A copy of what it remembers, the caller's; undefined for an optimizer that does not give it. */
  remember(): Promise<Memory | undefined>;
  /**
   * Goes back to what it remembered, or to a memory of the same kind of optimizer, by copies.
   *
   * @throws InputError for that of another kind.
   */
  recall(memory: Memory): Promise<void>;
  dispose(): void;
}

/** @throws InputError for a `tf.Optimizer` on float64. */
export function moverOf<V extends Vector>(optimizer: OuterOptimizer, place: Place<V>): Mover<V> {
  if (isControl(optimizer)) return controlMover(optimizer, place);
  if (isMethod(optimizer)) return new MethodMover(optimizer, place);
  if (place.value instanceof Float64Array) {
    throw new InputError({
      given: 'an optimizer of TensorFlow.js for a problem in float64',
      expected: 'a method such as gradientDescent(0.1) or adam(1e-2)',
      remedy: 'Optimizers move variables, and a Float64Array is none.',
    });
  }
  const mover = new OptimizerMover(optimizer, place as unknown as Place<NamedTensors>);
  return mover as unknown as Mover<V>;
}

const isMethod = (x: OuterOptimizer): x is Method => typeof (x as Method).on === 'function';
const isControl = (x: OuterOptimizer): x is StepControl =>
  (x as StepControl).name === 'stepControl';

/** Whether `x` can move anything. */
export function isOptimizer(x: unknown): boolean {
  const { minimize, on, name } = (x ?? {}) as Partial<tf.Optimizer & Method>;
  return typeof minimize === 'function' || typeof on === 'function' || name === 'stepControl';
}

/** Whether an optimizer can move anything by a gradient alone. */
export const livesOnGradients = (optimizer: OuterOptimizer): boolean =>
  isControl(optimizer) || isMethod(optimizer) || !isStepping(optimizer);

/** An optimizer with steps of its own that are waited for, as those of this library have. */
type SteppingOptimizer = tf.Optimizer & {
  step(f: () => tf.Scalar, variables: tf.Variable[]): Promise<{ loss: number }>;
};

const isPlain = ({ minimize }: tf.Optimizer) => minimize === tf.Optimizer.prototype.minimize;
const isStepping = (optimizer: tf.Optimizer): optimizer is SteppingOptimizer =>
  !isPlain(optimizer) && typeof (optimizer as SteppingOptimizer).step === 'function';

class OptimizerMover implements Mover<NamedTensors> {
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
    const { value, grads } = gradientsOf(this.#optimizer, f, variables);
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

class MethodMover<V extends Vector> implements Mover<V> {
  moves = 0;
  readonly #method: Method;
  readonly #place: Place<V>;
  readonly #space: Space<V, unknown>;
  #state: State<V> | undefined;
  #steps = 0;

  constructor(method: Method, place: Place<V>) {
    this.#method = method;
    this.#place = place;
    this.#space = spaceOf(place.value);
    method.on();
  }

  async descend({ gradient }: InnerProblem<V>, enough: number): Promise<InnerStep> {
    let seen: V | undefined;
    const next = this.#next((x) => {
      seen = this.#space.keep(gradient(x));
      return seen;
    });
    try {
      const gradientNorm = await finiteNorm(this.#space, seen!, 'the norm of an inner gradient');
      const moved = gradientNorm > enough;
      if (moved) await this.#move(next);
      else this.#space.free(next, this.#state);
      return { loss: undefined, gradientNorm, moved };
    } catch (error) {
      this.#space.free(next, this.#state);
      throw error;
    } finally {
      this.#space.free(seen);
    }
  }

  async follow(gradient: V): Promise<void> {
    const next = this.#next((x) => {
      if (x === this.#state!.x) return gradient;
      throw new InputError({
        given: `the outer optimizer ${this.#method.name}, which looks at other points than λ`,
        expected: 'gradientDescent, heavyBall, adam, or an optimizer of TensorFlow.js',
        remedy: 'A hypergradient is known at λ alone.',
      });
    });
    try {
      await this.#move(next);
    } catch (error) {
      this.#space.free(next, this.#state);
      throw error;
    }
  }

  async remember(): Promise<Memory> {
    const vectors = this.#space.keep(
      Object.fromEntries(
        Object.entries(this.#state ?? {}).map(([name, x]) => [name, this.#space.clone(x)]),
      ),
    );
    return { of: this.#method.name, vectors, numbers: { steps: this.#steps } };
  }

  async recall({ of, vectors, numbers }: Memory): Promise<void> {
    requireSame(of, this.#method.name);
    const before = this.#state;
    const entries = Object.entries(vectors).map(([name, x]) => [name, this.#space.clone(x as V)]);
    this.#state = entries.length === 0 ? undefined : this.#space.keep(Object.fromEntries(entries));
    this.#steps = numbers.steps!;
    this.#space.free(before);
  }

  dispose(): void {
    this.#space.free(this.#state);
    this.#state = undefined;
  }

  #next(gradient: (x: V) => V): State<V> {
    const space = this.#space;
    const iteration = this.#method.on();
    // What the method keeps of a place must not move with it.
    this.#state ??= space.keep(iteration.begin(space.clone(this.#place.value)));
    const state = this.#state;
    const arithmetic = arithmeticOf(this.#place.value);
    return space.tidy(() =>
      space.keep(iteration.step(this.#steps + 1, state, gradient, arithmetic)),
    );
  }

  /** What overflows here, as squares of a gradient do first, would stay ∞ and stop all later steps. */
  async #checkMemory({ x: _, ...memory }: State<V>): Promise<void> {
    const vectors = Object.values(memory).filter((vector) => vector !== undefined);
    if (vectors.length === 0) return;
    const norms = await normsOf(this.#space, vectors);
    for (const norm of norms)
      requireFinite(norm, `the memory of ${this.#method.name}, with a norm`);
  }

  async #move(next: State<V>): Promise<void> {
    await this.#checkMemory(next);
    this.moves++;
    this.#place.assign(next.x);
    this.#space.free(this.#state, next);
    this.#state = next;
    this.#steps++;
  }
}

function controlMover<V extends Vector>(control: StepControl, place: Place<V>): Mover<V> {
  const space = spaceOf(place.value);
  let memory = startControl();
  let moves = 0;
  return {
    get moves() {
      return moves;
    },
    descend() {
      throw new InputError({
        given: 'stepControl() for the weights',
        expected: 'stepControl() for the hyperparameters',
        remedy: 'It compares outer losses. Inside, take gradientDescent or an optimizer.',
      });
    },
    async follow(gradient, facts) {
      moves++;
      memory = control.next(memory, facts);
      const moved = space.tidy(() =>
        space.keep(space.axpy(space.scalars.of(-memory.step), gradient, place.value)),
      );
      place.assign(moved);
      space.free(moved);
    },
    remember: async () => ({ of: control.name, vectors: {}, numbers: { ...memory } }),
    async recall({ of, numbers }) {
      requireSame(of, control.name);
      memory = { ...startControl(), ...numbers };
    },
    dispose() {},
  };
}

/** @throws InputError for a loss that depends on none of the variables. */
function gradientsOf(optimizer: tf.Optimizer, f: () => tf.Scalar, variables: tf.Variable[]) {
  try {
    // A tidy, since TensorFlow.js does not free the loss where it throws.
    return tf.tidy(() => optimizer.computeGradients(f, variables));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('Cannot find a connection')) {
      throw error;
    }
    throw new InputError({
      given: 'an inner loss that does not depend on w',
      expected: 'inner(w, λ) to use the w that it is given',
      remedy: 'Compute it from its arguments, not from tensors made elsewhere.',
    });
  }
}

async function finiteNorm<V>(space: Space<V, unknown>, x: V, what: string): Promise<number> {
  const [norm] = await normsOf(space, [x]);
  requireFinite(norm!, what);
  return norm!;
}

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

function requireFinite(value: number, what: string): void {
  if (Number.isFinite(value)) return;
  throw new NotFiniteError({
    given: `${what} of ${value}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or take shorter inner steps.',
  });
}

/** @throws UnsupportedError for an optimizer that does not give its state. */
export async function rememberOrThrow<V>(mover: Mover<V>): Promise<Memory> {
  const memory = await mover.remember();
  if (memory !== undefined) return memory;
  throw new UnsupportedError({
    given: 'a run with an optimizer that does not tell its state (getWeights)',
    expected: 'one that does: sgd, momentum, rmsprop, adam, adagrad, adadelta',
    remedy: 'Take another optimizer, or do without a checkpoint and without restart.',
  });
}

function requireSame(of: string, name: string): void {
  if (of === name) return;
  throw new InputError({
    given: `the memory of an optimizer ${of} for ${name}`,
    expected: `that of ${name}`,
    remedy: 'Resume a checkpoint with new optimizers of the same kind.',
  });
}
