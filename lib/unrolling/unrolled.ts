import * as tf from '@tensorflow/tfjs';
import { InputError, NotFiniteError } from '../errors';
import { giveWay } from '../event-loop';
import { checkOptionNames, quoted, shown } from '../options';
import {
  mapTensors,
  type NamedTensors,
  normsOf,
  type Space,
  spaceOf,
  type Vector,
} from '../spaces';
import { type Arithmetic, arithmeticOf } from './arithmetic';
import { type LearnedSettings, learnSettings, type MethodOf } from './learned-settings';
import { type Iteration, mapState, requireCount, type Spectrum, type State } from './method';
import {
  type Objective,
  type OuterGradients,
  objectiveOf,
  type UnrolledProblem,
} from './objective';
import { type Adjoint, type LearnedAdjoint, type RecordedStep, recordStep } from './record-step';
import { type Action, type Checkpoint, schedule } from './schedule';
import { type Carrier, carryTangents } from './tangents';

export interface UnrolledOptions<V extends Vector = NamedTensors> {
  /**
   * How the inner problem is solved, for example `adam(1e-3)` or `gradientDescent(0.1)`; or a function of
   * λ that makes it, whose settings are then learned with the rest of λ: `({ logRate }) =>
   * gradientDescent(tf.exp(logRate))`. A setting of T numbers has one for each step. With a Float64Array
   * for λ, in `unrolled<Float64Array>`, it is given `Learned` numbers: `([logRate]) =>
   * gradientDescent(logRate.exp())`.
   */
  method: MethodOf<V>;
  /** The number of inner steps, T. */
  steps: number;
  /**
   * `'reverse'` (default) keeps what all steps need to be walked back; its cost does not depend on
   * the number of hyperparameters. `'forward'` keeps a tangent for each of them, whatever T is.
   */
  mode?: 'reverse' | 'forward';
  /** Differentiate the last K steps only. */
  truncate?: number;
  /** Reverse mode only: keep some states, and compute the others again. */
  checkpoint?: Checkpoint;
  /** Bounds of the eigenvalues of the inner Hessian, for methods that are tuned by them. */
  spectrum?: Spectrum;
}

const NAMES = ['method', 'steps', 'mode', 'truncate', 'checkpoint', 'spectrum'];

/** What an unrolled derivative is made of, and what it cost. */
export interface UnrolledDerivative<V> {
  /** `dE/dλ`, the derivative of `outer(w_T(λ), λ)`. */
  value: V;
  /** The weights after the last step. */
  w: V;
  /** `dE/dw₀`; only of reverse mode through all steps. */
  adjoint?: V;
  /** What the outer loss has marked by `markAuxiliary`, if anything; the caller's. */
  auxiliary?: NamedTensors;
  stats: UnrolledStats;
}

export interface UnrolledStats {
  /** Inner gradients computed, those that were computed again among them. */
  gradients: number;
  /** Products with the derivative of an inner gradient. */
  products: number;
  /** The most steps that were on record at one time. */
  peakRecorded: number;
  /** The most states that were stored besides, the first among them. */
  peakStates: number;
  /**
   * The most bytes of tensors in use between operations, above those at the beginning, as
   * `tf.memory()` counts (a copy that shares its data counts again); undefined in float64.
   */
  peakBytes: number | undefined;
}

/**
 * Differentiating through the inner iteration, as a value: hand it to `hypergradient`.
 *
 * With `wₜ = Φₜ(wₜ₋₁, λ)` from w₀, the value is the derivative of the outer loss at w_T itself, not at
 * the inner solution: exact for the T steps taken, and subject to the burn-in where they are few.
 * In T steps with h hyperparameters, reverse mode costs T gradients and T products, forward mode
 * T gradients and hT products; `truncate: K` leaves K for T in the products. Memory: T recorded steps
 * (reverse), h tangents (forward), K (truncated), 2√T (`'sqrt'`), s (`{ snapshots: s }`).
 *
 * When not to use it: at a well-converged inner solution `implicit` costs no memory and has no burn-in.
 *
 * @throws InputError for counts that are not whole or options that exclude each other.
 * @see Franceschi et al., [Forward and reverse gradient-based hyperparameter
 *   optimization](https://arxiv.org/abs/1703.01785), 2017; Shaban et al., [Truncated
 *   back-propagation for bilevel optimization](https://arxiv.org/abs/1810.10667), 2019
 *   (truncation).
 */
export function unrolled<V extends Vector = NamedTensors>(
  options: UnrolledOptions<V>,
): UnrolledOptions<V> & DifferentiateUnrolled {
  checkOptionNames('unrolled', options, NAMES);
  checkOptions(options);
  const record = { name: 'unrolled' as const, ...options };
  return Object.defineProperty(record, 'differentiate', {
    value: <W extends Vector>(
      problem: UnrolledProblem<W>,
      w: W,
      λ: W,
      { watch }: { watch?: () => void } = {},
    ) =>
      differentiate(options as UnrolledOptions<Vector> as UnrolledOptions<W>, problem, w, λ, watch),
  }) as typeof record & DifferentiateUnrolled;
}

export interface DifferentiateUnrolled {
  readonly name: 'unrolled';
  /**
   * Takes the steps from w₀ and differentiates the outer loss at the last one; results are the
   * caller's. `watch` is called after every step and every product, as a sign of life; what it throws
   * ends the derivative.
   *
   * @throws InputError or ShapeError for a problem or vectors that do not fit; NotFiniteError if the
   *   iteration or its derivative leaves the finite numbers.
   */
  differentiate(
    problem: UnrolledProblem<NamedTensors>,
    w: NamedTensors,
    λ: NamedTensors,
    options?: { watch?: () => void },
  ): Promise<UnrolledDerivative<NamedTensors>>;
  differentiate(
    problem: UnrolledProblem<Float64Array>,
    w: Float64Array,
    λ: Float64Array,
    options?: { watch?: () => void },
  ): Promise<UnrolledDerivative<Float64Array>>;
}

async function differentiate<V extends Vector>(
  { method, steps, mode = 'reverse', truncate = steps, checkpoint, spectrum }: UnrolledOptions<V>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  watch?: () => void,
): Promise<UnrolledDerivative<V>> {
  spaceOf(w).check(w, w, 'the weights');
  spaceOf(λ).check(λ, λ, 'the hyperparameters');
  const objective = objectiveOf(problem, λ);
  const learned = await learnSettings(method, λ);
  let run: Run<V> | undefined;
  try {
    const iteration = learned.method.on(spectrum, learned.resolve);
    run = new Run(iteration, objective, w, λ, watch);
    const from = steps - truncate;
    if (from > 0) {
      await run.advance(0, from);
      run.forget(0);
    }
    const result =
      mode === 'forward'
        ? await forward(run, from, steps, await learned.slopes())
        : await reverse(run, schedule(from, steps, checkpoint));
    if (mode === 'reverse') await run.addLearned(result, learned);
    await requireFinite(run.space, result);
    return { ...result, stats: run.stats };
  } finally {
    run?.dispose();
    learned.dispose();
  }
}

/** Walks the recorded steps back, by a schedule whose first `reverse` ends at the last step. */
async function reverse<V extends Vector>(
  run: Run<V>,
  actions: readonly Action[],
): Promise<Result<V>> {
  const records: RecordedStep<V>[] = [];
  let result: Result<V> | undefined;
  let adjoint: Adjoint<V> = {};
  try {
    for (const action of actions) {
      if (action.kind === 'advance') await run.advance(action.from, action.to);
      if (action.kind === 'free') run.forget(action.at);
      if (action.kind !== 'reverse') continue;
      const start = run.states.get(action.from)!;
      await run.record(action.from, action.to, records);
      if (result === undefined) {
        const last = records[records.length - 1]!.next;
        await requireFiniteState(run.space, last);
        const { x } = last;
        const { dw, dλ, auxiliary } = run.outer(x);
        result = { value: dλ, w: run.copy(x), ...(auxiliary && { auxiliary }) };
        adjoint = { x: dw };
      }
      while (records.length > 0) {
        const record = records[records.length - 1]!;
        const pulled = run.pull(record, adjoint, result.value, records.length);
        run.free(adjoint, pulled.adjoint);
        run.free(result.value);
        adjoint = pulled.adjoint;
        result.value = pulled.value;
        records.pop();
        record.dispose();
        run.free(record.next, records[records.length - 1]?.next ?? start);
        await run.breathe(result.w);
      }
    }
    if (run.states.has(0)) result!.adjoint = run.sum(adjoint);
    return result!;
  } catch (error) {
    run.free(result);
    throw error;
  } finally {
    for (const record of records) {
      record.dispose();
      run.free(record.next);
    }
    run.free(adjoint);
  }
}

/** Carries a tangent for every hyperparameter along. */
async function forward<V extends Vector>(
  run: Run<V>,
  from: number,
  to: number,
  slopes: ReadonlyMap<number, Float64Array>,
): Promise<Result<V>> {
  const { space, λ, stats } = run;
  const count = entries(λ);
  const arithmetic = carryTangents(run.arithmetic, slopes);
  let state: State<Carrier<V>> | undefined;
  try {
    state = space.tidy(() =>
      space.keep(
        mapState(run.states.get(from)!, (value) => ({
          value: space.clone(value),
          tangents: Array.from({ length: count }, () => space.zeros(value)),
        })),
      ),
    );
    for (let t = from + 1; t <= to; t++) {
      const before: State<Carrier<V>> = state;
      state = await stepInTurns(run, t, before, arithmetic);
      run.free(before, state);
      stats.gradients++;
      stats.products += count;
      run.look();
      await run.breathe(state.x.value);
    }
    await requireFiniteState(
      space,
      mapState(state, ({ value }) => value),
    );
    const { value: w, tangents } = state.x;
    const { dw, dλ, auxiliary } = run.outer(w);
    const value = space.tidy(() =>
      space.keep(
        tangents.reduce(
          (sum, tangent, j) => space.axpy(space.dot(dw, tangent), unit(λ, j), sum),
          space.clone(dλ),
        ),
      ),
    );
    run.free([dw, dλ]);
    return { value, w: run.copy(w), ...(auxiliary && { auxiliary }) };
  } finally {
    run.free(state);
  }
}

/** What tells a step that a gradient it asks for is still to be computed. */
const NOT_YET = Symbol('not yet');

/**
 * A step on vectors that carry tangents, which gives way between the products of a gradient.
 *
 * The step itself may not wait, so it is begun anew with each gradient that has become known; all that
 * is repeated are its sums of vectors.
 */
async function stepInTurns<V extends Vector>(
  run: Run<V>,
  t: number,
  before: State<Carrier<V>>,
  arithmetic: Arithmetic<Carrier<V>>,
): Promise<State<Carrier<V>>> {
  const { space, iteration } = run;
  const known: Carrier<V>[] = [];
  let asked: Carrier<V> | undefined;
  let state: State<Carrier<V>> | undefined;
  try {
    while (state === undefined) {
      let calls = 0;
      const gradient = (point: Carrier<V>) => {
        const found = known[calls++];
        if (found !== undefined) return found;
        asked = space.keep({
          value: space.clone(point.value),
          tangents: point.tangents.map((tangent) => space.clone(tangent)),
        });
        throw NOT_YET;
      };
      try {
        state = space.tidy(() => space.keep(iteration.step(t, before, gradient, arithmetic)));
      } catch (error) {
        if (error !== NOT_YET || asked === undefined) throw error;
        known.push(await gradientInTurns(run, t, asked));
        run.free(asked);
        asked = undefined;
      }
    }
    return state;
  } finally {
    run.free([known, asked], state);
  }
}

/** A gradient with its tangents, each of them a product. */
async function gradientInTurns<V extends Vector>(
  run: Run<V>,
  t: number,
  { value, tangents }: Carrier<V>,
): Promise<Carrier<V>> {
  const { space, λ } = run;
  const derivative = run.objective.field.linearize(value, t);
  const products: V[] = [];
  try {
    run.look(1);
    for (const [j, tangent] of tangents.entries()) {
      products.push(space.keep(space.tidy(() => derivative.jvp(tangent, unit(λ, j)))));
      await run.breathe(value);
    }
    return { value: run.copy(derivative.value), tangents: products };
  } catch (error) {
    run.free(products);
    throw error;
  } finally {
    derivative.dispose();
  }
}

type Result<V> = Omit<UnrolledDerivative<V>, 'stats'>;

/** An iteration under way: its stored states, and what it has cost so far. */
class Run<V extends Vector> {
  readonly space: Space<V, unknown>;
  readonly arithmetic: Arithmetic<V>;
  readonly states = new Map<number, State<V>>();
  readonly stats: UnrolledStats;
  /** The derivatives with respect to learned numbers so far, by k. */
  readonly #learned = new Map<number, unknown>();
  readonly #bytesBefore = tf.memory().numBytes;
  #stepsSinceBreath = 0;

  constructor(
    readonly iteration: Iteration,
    readonly objective: Objective<V>,
    w: V,
    readonly λ: V,
    readonly watch?: () => void,
  ) {
    this.space = spaceOf(w);
    this.arithmetic = arithmeticOf(w);
    this.states.set(0, iteration.begin(this.copy(w)));
    this.stats = {
      gradients: 0,
      products: 0,
      peakRecorded: 0,
      peakStates: 1,
      peakBytes: w instanceof Float64Array ? undefined : 0,
    };
  }

  /** Computes state `to` from the stored state `from`, and stores it too. */
  async advance(from: number, to: number): Promise<void> {
    const { space, iteration, arithmetic, objective } = this;
    let state = this.states.get(from)!;
    for (let t = from + 1; t <= to; t++) {
      const before = state;
      const gradient = (x: V) => objective.field.gradient(x, t);
      state = space.tidy(() => space.keep(iteration.step(t, before, gradient, arithmetic)));
      this.states.set(to, state);
      this.free(before);
      this.stats.gradients++;
      this.look();
      await this.breathe(state.x);
    }
  }

  /** Adds to `records` the steps from the stored state `from` to state `to`. */
  async record(from: number, to: number, records: RecordedStep<V>[]): Promise<void> {
    let state = this.states.get(from)!;
    for (let t = from + 1; t <= to; t++) {
      records.push(recordStep(this.iteration, t, state, this.objective.field, this.λ));
      state = records[records.length - 1]!.next;
      this.stats.gradients++;
      this.look(records.length);
      await this.breathe(state.x);
    }
  }

  /** The adjoint of the state before a step, and the derivative with the part of the step. */
  pull(record: RecordedStep<V>, adjoint: Adjoint<V>, value: V, recorded: number) {
    const { space } = this;
    const pulled = space.tidy(() => {
      const { state, λ, learned } = record.pull(adjoint);
      this.#learn(learned);
      return space.keep({
        adjoint: state,
        value: this.arithmetic.combine([
          [1, value],
          [1, λ],
        ]),
      });
    });
    this.stats.products++;
    this.look(recorded);
    return pulled;
  }

  /** Adds what a step contributes to the derivatives with respect to learned numbers. */
  #learn(shares: readonly LearnedAdjoint[]): void {
    const { scalars } = this.space;
    for (const { k, slope, scalar } of shares) {
      const before = this.#learned.get(k);
      const share = scalars.multiply(scalars.of(slope), scalar);
      const sum = this.space.keep(before === undefined ? share : scalars.add(before, share));
      this.#learned.set(k, sum);
      this.space.free([before]);
    }
  }

  /** Adds to the derivative what comes through the settings of the method. */
  async addLearned(result: Result<V>, { pull }: LearnedSettings<V>): Promise<void> {
    const { space, arithmetic } = this;
    const sums = [...this.#learned.values()];
    const numbers = sums.length === 0 ? [] : await space.read(sums);
    const before = result.value;
    const value = space.tidy(() => {
      const through = pull(new Map([...this.#learned.keys()].map((k, i) => [k, numbers[i]!])));
      return (
        through &&
        space.keep(
          arithmetic.combine([
            [1, before],
            [1, through],
          ]),
        )
      );
    });
    if (value === undefined) return;
    result.value = value;
    space.free(before);
  }

  /** The gradients of the outer loss, kept. */
  outer(w: V): OuterGradients<V> {
    return this.space.keep(this.objective.outer(w));
  }

  copy(x: V): V {
    return this.space.keep(this.space.clone(x));
  }

  /** The sum of the vectors of an adjoint: that of w₀, which every vector of the first state is. */
  sum(adjoint: Adjoint<V>): V {
    const vectors = Object.values(adjoint).filter((vector): vector is V => vector !== undefined);
    const terms = vectors.map((vector) => [1, vector] as const);
    return this.space.tidy(() => this.space.keep(this.arithmetic.combine(terms)));
  }

  /** Frees what is inside x, but for what is also in a stored state or in `spared`. */
  free(x: unknown, spared?: unknown): void {
    this.space.free(x, [...this.states.values(), spared]);
  }

  forget(t: number): void {
    const state = this.states.get(t)!;
    this.states.delete(t);
    this.free(state);
  }

  /** Notes how much is in use. */
  look(recorded = 0): void {
    const { stats } = this;
    stats.peakRecorded = Math.max(stats.peakRecorded, recorded);
    stats.peakStates = Math.max(stats.peakStates, this.states.size);
    if (stats.peakBytes === undefined) return;
    stats.peakBytes = Math.max(stats.peakBytes, tf.memory().numBytes - this.#bytesBefore);
  }

  /** Gives way, and waits for a GPU now and then: its queue does not bear thousands of steps. */
  async breathe(x: V): Promise<void> {
    this.watch?.();
    await giveWay();
    if (this.space.readableNow() || ++this.#stepsSinceBreath % 20 !== 0) return;
    const square = this.space.tidy(() => this.space.keep(this.space.dot(x, x)));
    await this.space.read([square]);
    this.space.free(square);
  }

  dispose(): void {
    for (const t of [...this.states.keys()]) this.forget(t);
    this.space.free([...this.#learned.values()]);
  }
}

/** How many hyperparameters there are. */
const entries = (λ: Vector): number =>
  λ instanceof Float64Array ? λ.length : Object.values(λ).reduce((sum, { size }) => sum + size, 0);

/** The direction in which the j-th hyperparameter alone changes. */
function unit<V extends Vector>(λ: V, j: number): V {
  if (λ instanceof Float64Array) return λ.map((_, i) => (i === j ? 1 : 0)) as V;
  let first = 0;
  return mapTensors(λ as NamedTensors, ({ size, shape }) => {
    const values = new Float32Array(size);
    if (j >= first && j < first + size) values[j - first] = 1;
    first += size;
    return tf.tensor(values, shape);
  }) as V;
}

async function requireFinite<V extends Vector>(
  space: Space<V, unknown>,
  result: Result<V>,
): Promise<void> {
  const [norm] = await normsOf(space, [result.value]);
  if (Number.isFinite(norm)) return;
  space.free(result);
  throw new NotFiniteError({
    given: `an unrolled derivative whose norm is ${norm}`,
    expected: 'a finite number',
    remedy: 'The inner iteration diverges, or its derivative does: take shorter or fewer steps.',
  });
}

/** @throws NotFiniteError where what a method remembers has overflowed: from there on it stands still. */
async function requireFiniteState<V>(space: Space<V, unknown>, state: State<V>): Promise<void> {
  const { x: _, ...memory } = state;
  const vectors = Object.values(memory).filter((vector) => vector !== undefined);
  const wrong = (await normsOf(space, vectors)).find((norm) => !Number.isFinite(norm));
  if (wrong === undefined) return;
  throw new NotFiniteError({
    given: `an inner method whose memory has the norm ${wrong}`,
    expected: 'a finite number',
    remedy:
      'Squares of the gradient may have overflowed: multiply the inner loss by a small number.',
  });
}

function checkOptions<V extends Vector>(options: UnrolledOptions<V>): void {
  const { method, steps, mode, truncate, checkpoint } = options;
  if (typeof method !== 'function' && typeof method?.on !== 'function') {
    throw new InputError({
      given: 'no method',
      expected: 'an inner method such as gradientDescent(0.1)',
      remedy:
        'A tf.Optimizer assigns variables and cannot be differentiated through; adam(rate) can.',
    });
  }
  requireCount(steps, 'a number of steps');
  if (mode !== undefined && mode !== 'reverse' && mode !== 'forward') {
    throw new InputError({
      given: `the mode ${quoted(mode)}`,
      expected: "'reverse' or 'forward'",
      remedy: "Forward mode pays for few hyperparameters only; 'reverse' is the default.",
    });
  }
  if (truncate !== undefined) {
    requireCount(truncate, 'a truncation');
    if (truncate > steps) {
      throw new InputError({
        given: `truncate: ${shown(truncate)} of ${shown(steps)} steps`,
        expected: 'at most as many as there are',
        remedy: 'Leave it out to differentiate all steps.',
      });
    }
  }
  if (checkpoint === undefined) return;
  schedule(0, 1, checkpoint);
  if (mode === 'forward') {
    throw new InputError({
      given: "a checkpoint with mode: 'forward'",
      expected: 'one of the two',
      remedy: 'Forward mode stores no steps that checkpoints could save.',
    });
  }
}
