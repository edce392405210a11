import type { Execution } from '../autodiff';
import { NotFiniteError } from '../errors';
import { driveWithPauses, giveWay, Pace, type Pausing, Portions, withPauses } from '../event-loop';
import {
  type Arithmetic,
  type Iteration,
  type LearnedSettings,
  mapState,
  type State,
  stepInPieces,
} from '../methods';
import {
  type Form,
  type GradientDerivative,
  gradientInTurns,
  linearizeInTurns,
  type OuterGradients,
  outerInTurns,
  pulledBack,
} from '../problems';
import { normsOf, type Space } from '../spaces';
import { type Adjoint, type LearnedAdjoint, type Pulling, recordStep } from './record-step';
import type { UnrolledDerivative, UnrolledStats } from './unrolled-options';

/** What a mode of differentiation yields. */
export type UnrolledResult<V> = Omit<UnrolledDerivative<V>, 'stats'>;

/** What an iteration runs with. */
export interface UnrolledSetting<V> {
  space: Space<V, unknown>;
  arithmetic: Arithmetic<V>;
  form: Omit<Form<V>, 'curvature'>;
  λ: V;
  /**
   * Takes steps in one call, on a state that is changed in place; returns how many, which may be none.
   * Missing where steps are taken one by one.
   */
  descend?(
    iteration: Iteration,
    state: State<V>,
    stretch: { from: number; count: number; enough: number },
  ): number;
  /**
   * Takes steps in one call that can be walked back in one; undefined where the next one is taken by itself.
   * Missing as `descend` is.
   */
  recordMany?(
    iteration: Iteration,
    state: State<V>,
    stretch: { from: number; count: number },
  ): RecordedStretch<V> | undefined;
  /** Makes what `descend` or `recordMany` needs, to be left for a while. */
  prepare?(use: 'descend' | 'record'): Pausing<void>;
  /** The bytes of all vectors, where they are counted. */
  bytes?: () => number;
  /** How all of it is computed, where derivatives do not say it. */
  execution?: Execution;
}

/** Steps that were taken, and can be walked back with their share of the derivative. */
export interface RecordedSteps<V> {
  readonly count: number;
  /** The state after them, which belongs to the caller. */
  readonly next: State<V>;
  /** The adjoint of the state before them, and the derivative with what they add; kept, and the caller's. */
  pull(adjoint: Adjoint<V>, total: V): Pulling<V, PulledSteps<V>>;
  dispose(): void;
}

/** The same where the way back is one call. */
type RecordedStretch<V> = Omit<RecordedSteps<V>, 'pull'> & {
  pull(adjoint: Adjoint<V>, total: V): PulledSteps<V>;
};

interface PulledSteps<V> {
  state: Adjoint<V>;
  total: V;
  learned?: readonly LearnedAdjoint[];
}

/** The form, with a word when a derivative says how it is computed. */
function noting<V>(
  form: UnrolledSetting<V>['form'],
  note: (execution: Execution) => void,
): UnrolledSetting<V>['form'] {
  const noted = (derivative: GradientDerivative<V>) => {
    if (derivative.execution !== undefined) note(derivative.execution);
    return derivative;
  };
  const { inPieces } = form;
  return {
    ...form,
    linearize: (w, step) => noted(form.linearize(w, step)),
    ...(inPieces && {
      inPieces: {
        ...inPieces,
        *linearize(w: V, step: number) {
          return noted(yield* inPieces.linearize(w, step));
        },
      },
    }),
  };
}

/** An iteration in progress: its stored states, and its cost so far. */
export class UnrolledRun<V> {
  readonly space: Space<V, unknown>;
  readonly arithmetic: Arithmetic<V>;
  readonly form: UnrolledSetting<V>['form'];
  readonly λ: V;
  readonly states = new Map<number, State<V>>();
  readonly stats: UnrolledStats;
  /** The derivatives with respect to learned numbers so far, by k. */
  readonly #learned = new Map<number, unknown>();
  readonly #descend: UnrolledSetting<V>['descend'];
  readonly #recordMany: UnrolledSetting<V>['recordMany'];
  readonly #prepare: UnrolledSetting<V>['prepare'];
  readonly #bytes: (() => number) | undefined;
  readonly #bytesBefore: number;
  #stepsSincePause = 0;
  /** Of gradients, with their derivatives, and of products. */
  readonly #paces = { gradient: new Pace(), derivative: new Pace(), product: new Pace() };

  constructor(
    readonly iteration: Iteration,
    setting: UnrolledSetting<V>,
    w: V,
    readonly watch?: () => void,
  ) {
    const { space, arithmetic, form, λ, descend, recordMany, prepare, bytes, execution } = setting;
    this.space = space;
    this.arithmetic = arithmetic;
    this.form = noting(form, (found) => {
      this.stats.execution = found;
    });
    this.λ = λ;
    this.#descend = descend;
    this.#recordMany = recordMany;
    this.#prepare = prepare;
    this.#bytes = bytes;
    this.#bytesBefore = bytes?.() ?? 0;
    const first = space.tidy(() => iteration.begin(space.clone(w)));
    this.states.set(0, space.keep(first));
    this.stats = {
      gradients: 0,
      products: 0,
      peakRecorded: 0,
      peakStates: 1,
      peakBytes: bytes && 0,
      ...(execution && { execution }),
    };
  }

  /** Computes state `to` from the stored state `from`, and stores it too. */
  async advance(from: number, to: number): Promise<void> {
    const { space, iteration, form } = this;
    let state = this.states.get(from)!;
    await this.#prepared('descend');
    const portions = new Portions();
    for (let t = from + 1; t <= to; t++) {
      const began = performance.now();
      const taken = this.#takenAtOnce(state, t - 1, portions.next(to - t + 1));
      if (taken !== undefined) {
        portions.took(taken.count, performance.now() - began);
        t += taken.count - 1;
        this.states.set(to, taken.state);
        this.free(state);
        state = taken.state;
        this.stats.gradients += taken.count;
        this.recordPeaks();
        await this.pause(state.x);
        continue;
      }
      const before = state;
      const work = stepInPieces(iteration, t, before, this);
      state = await driveWithPauses(work, (x) =>
        this.#paces.gradient.take(
          () => gradientInTurns(space, form, x, t),
          () => space.keep(space.tidy(() => form.gradient(x, t))),
        ),
      );
      this.states.set(to, state);
      this.free(before);
      this.stats.gradients++;
      this.recordPeaks();
      await this.pause(state.x);
    }
  }

  async #prepared(use: 'descend' | 'record'): Promise<void> {
    const work = this.#prepare?.(use);
    if (work !== undefined) await withPauses(work);
  }

  /** A state some steps after another, which is left as it is; undefined where a step is taken by itself. */
  #takenAtOnce(before: State<V>, from: number, count: number) {
    if (this.#descend === undefined) return undefined;
    const { space } = this;
    const state = space.tidy(() => space.keep(mapState(before, (x) => space.clone(x))));
    const taken = this.#descend(this.iteration, state, { from, count, enough: 0 });
    if (taken > 0) return { state, count: taken };
    space.free(state);
    return undefined;
  }

  /** Adds to `records` the steps from the stored state `from` to state `to`. */
  async record(from: number, to: number, records: RecordedSteps<V>[]): Promise<void> {
    let state = this.states.get(from)!;
    await this.#prepared('record');
    const portions = new Portions();
    let recorded = records.reduce((sum, { count }) => sum + count, 0);
    for (let t = from; t < to; ) {
      const began = performance.now();
      const stretch = { from: t, count: portions.next(to - t) };
      const many = this.#recordMany?.(this.iteration, state, stretch);
      if (many !== undefined) portions.took(many.count, performance.now() - began);
      const steps = many ? this.#inOneCall(many) : await this.#single(t + 1, state);
      records.push(steps);
      state = steps.next;
      t += steps.count;
      recorded += steps.count;
      this.stats.gradients += steps.count;
      this.recordPeaks(recorded);
      await this.pause(state.x);
    }
  }

  #inOneCall({ count, next, pull, dispose }: RecordedStretch<V>): RecordedSteps<V> {
    const { space } = this;
    return {
      count,
      next,
      *pull(adjoint, total) {
        return space.tidy(() => space.keep(pull(adjoint, total)));
      },
      dispose,
    };
  }

  /** One step that is taken by itself. */
  async #single(t: number, state: State<V>): Promise<RecordedSteps<V>> {
    const { space, arithmetic, form } = this;
    const work = recordStep(this.iteration, t, state, this);
    const { next, pull, dispose } = await driveWithPauses(work, (x) =>
      this.#paces.derivative.take(
        () => linearizeInTurns(form, x, t),
        () => space.tidy(() => form.linearize(x, t)),
      ),
    );
    return {
      count: 1,
      next,
      *pull(adjoint, before) {
        const { state, λ, learned } = yield* pull(adjoint);
        const terms = [before, λ].map((x) => [1, x] as const);
        const total = space.tidy(() => space.keep(arithmetic.combine(terms)));
        space.free(λ);
        return { state, total, learned };
      },
      dispose,
    };
  }

  /** The adjoint of the state before some steps, and the derivative with the part of the steps. */
  async pull(steps: RecordedSteps<V>, adjoint: Adjoint<V>, value: V, recorded: number) {
    const { space } = this;
    const work = steps.pull(adjoint, value);
    const {
      state,
      total,
      learned = [],
    } = await driveWithPauses(work, ({ derivative, u }) =>
      this.#paces.product.take(
        () => pulledBack(space, derivative, u),
        () => space.keep(space.tidy(() => derivative.vjp(u))),
      ),
    );
    this.#learn(learned);
    this.stats.products += steps.count;
    this.recordPeaks(recorded);
    return { adjoint: state, value: total };
  }

  /** Adds what a step contributes to the derivatives with respect to learned numbers. */
  #learn(shares: readonly LearnedAdjoint[]): void {
    const { scalars } = this.space;
    for (const { k, slope, scalar } of shares) {
      const before = this.#learned.get(k);
      const sum = this.space.tidy(() => {
        const share = scalars.multiply(scalars.of(slope), scalar);
        return this.space.keep(before === undefined ? share : scalars.add(before, share));
      });
      this.#learned.set(k, sum);
      this.space.free([before]);
    }
    this.space.free(shares.map(({ scalar }) => scalar));
  }

  /** Adds to the derivative what comes through the settings of the method. */
  async addLearned(result: UnrolledResult<V>, { pull }: LearnedSettings<V>): Promise<void> {
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
  outer(w: V): Promise<OuterGradients<V>> {
    return outerInTurns(this.space, this.form, w);
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
  recordPeaks(recorded = 0): void {
    const { stats } = this;
    stats.peakRecorded = Math.max(stats.peakRecorded, recorded);
    stats.peakStates = Math.max(stats.peakStates, this.states.size);
    if (stats.peakBytes === undefined || this.#bytes === undefined) return;
    stats.peakBytes = Math.max(stats.peakBytes, this.#bytes() - this.#bytesBefore);
  }

  /** Gives timers a turn, and waits for a GPU from time to time: its queue cannot hold thousands of steps. */
  async pause(x: V): Promise<void> {
    this.watch?.();
    await giveWay();
    if (this.space.readableNow() || ++this.#stepsSincePause % 20 !== 0) return;
    const square = this.space.tidy(() => this.space.keep(this.space.dot(x, x)));
    await this.space.read([square]);
    this.space.free(square);
  }

  dispose(): void {
    for (const t of [...this.states.keys()]) this.forget(t);
    this.space.free([...this.#learned.values()]);
  }
}

/** @throws NotFiniteError where what a method remembers has overflowed: from there on nothing moves. */
export async function requireFiniteState<V>(
  space: Space<V, unknown>,
  state: State<V>,
): Promise<void> {
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
