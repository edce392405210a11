import { DisposedError, InputError } from '../errors';
import { refusesAssignments, shown } from '../options';
import type { BatchedProblem, LossProblem, ValuedProblem } from '../problems';
import { normsOf, type Space, spaceFor, tensors, type Vector } from '../spaces';
import type { BilevelRun, BilevelSettings, OuterStep } from './bilevel-options';
import { loadSnapshot, requireRestorable, type Snapshot } from './bilevel-snapshot';
import { type FlatSession, StepProblems } from './bilevel-steps';
import { type BilevelCheckpoint, save, saveMemory, withLatinName } from './checkpoint';
import { type Memory, type Mover, moverOf, type Place, placeOf, rememberOrThrow } from './movers';
import { implicitDerivative, type OuterDerivative, unrolledDerivative } from './outer-derivative';
import { type Turn, Turns } from './turns';

/** What is assigned to a run would be ignored. */
abstract class Unassignable {}
Object.setPrototypeOf(
  Unassignable.prototype,
  new Proxy(
    Object.prototype,
    refusesAssignments('a bilevel run', 'Save it, and make a new run from the checkpoint.'),
  ),
);

/** See `bilevel`. */
export class Run<V extends Vector, B> extends Unassignable implements BilevelRun<V> {
  readonly #problems: StepProblems<V, B>;
  readonly #options: BilevelSettings<B, V>;
  readonly #space: Space<V, unknown>;
  readonly #w: Place<V>;
  readonly #λ: Place<V>;
  readonly #inner: Mover<V> | undefined;
  readonly #outer: Mover<V>;
  /** With `restart`: where every outer step starts. */
  readonly #firstW: V | undefined;
  #firstMemory: Memory | undefined;
  #adjoint: V | undefined;
  #step = 0;
  #innerSteps = 0;
  /** Where to go back to before anything else: a step was cut short, or a checkpoint is to be loaded. */
  #goBack: Snapshot<V> | undefined;
  readonly #turns = new Turns();
  #disposed = false;
  #freed = false;

  constructor(
    problem: ValuedProblem | LossProblem | BatchedProblem<B>,
    λ: V,
    options: BilevelSettings<B, V>,
  ) {
    super();
    const { w, checkpoint, restart, inner, outer } = options;
    this.#problems = new StepProblems(problem as BatchedProblem<B>, options.batches);
    this.#options = options;
    this.#space = spaceFor(w, 'w, in the options of bilevel');
    this.#goBack = checkpoint && loadSnapshot(checkpoint, w, λ);
    this.#w = placeOf(this.#goBack?.w ?? w);
    this.#λ = placeOf(this.#goBack?.λ ?? λ);
    this.#firstW = restart ? this.#space.keep(this.#space.clone(w)) : undefined;
    try {
      this.#inner = inner && moverOf(inner.optimizer, this.#w);
      this.#outer = moverOf(outer.optimizer, this.#λ);
    } catch (error) {
      // Such as a method that needs a spectrum.
      this.#w.dispose();
      this.#λ.dispose();
      this.#space.free([this.#firstW, this.#goBack]);
      throw error;
    }
  }

  get w(): V {
    this.#checkAlive();
    return this.#w.value;
  }

  get λ(): V {
    this.#checkAlive();
    return this.#λ.value;
  }

  get lambda(): V {
    return this.λ;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OuterStep, void, undefined> {
    const { steps = Number.POSITIVE_INFINITY } = this.#options;
    while (true) {
      const done = await this.#alone(async (turn) => {
        await this.#restorePending();
        return this.#step < steps ? await this.#outerStep(turn) : undefined;
      });
      if (done === undefined) return;
      yield done;
    }
  }

  save(): Promise<BilevelCheckpoint> {
    return this.#alone((turn) => this.#save(turn));
  }

  /** Does something while nothing else is done with the run. */
  async #alone<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    this.#checkAlive();
    return this.#turns.take(async (turn) => {
      this.#checkAlive();
      try {
        return await work(turn);
      } finally {
        if (this.#disposed && !turn.overtaken) this.#freeAll();
      }
    });
  }

  /** @throws DisposedError or InputError where the work must not go on. */
  #goOn(turn: Turn): void {
    turn.goOn();
    this.#checkAlive();
  }

  #checkAlive(): void {
    if (!this.#disposed) return;
    throw new DisposedError({
      given: 'a bilevel run that is disposed',
      expected: 'a live run',
      remedy: 'Dispose it later, or save() it before and resume the checkpoint.',
    });
  }

  async #save(turn: Turn): Promise<BilevelCheckpoint> {
    await this.#restorePending();
    const outer = await rememberOrThrow(this.#outer);
    const inner = this.#inner && (await rememberOrThrow(this.#inner));
    try {
      this.#goOn(turn);
      const checkpoint: BilevelCheckpoint = {
        step: this.#step,
        innerSteps: this.#innerSteps,
        w: await save(this.#w.value),
        λ: await save(this.#λ.value),
        outerOptimizer: await saveMemory(outer),
      };
      if (inner !== undefined) checkpoint.innerOptimizer = await saveMemory(inner);
      if (this.#adjoint !== undefined) checkpoint.adjoint = await save(this.#adjoint);
      return withLatinName(checkpoint);
    } finally {
      tensors.free([outer, inner]);
    }
  }

  /** Where a step is under way, it throws at its next moment, and the memory goes then. */
  dispose(): void {
    this.#disposed = true;
    if (!this.#turns.busy) this.#freeAll();
    else void this.#turns.idle().then(() => this.#freeAll());
  }

  #freeAll(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#w.dispose();
    this.#λ.dispose();
    this.#inner?.dispose();
    this.#outer.dispose();
    tensors.free([this.#firstW, this.#firstMemory, this.#adjoint, this.#goBack]);
  }

  /** Rolls back a step that was cut short, and prepares the first one. */
  async #restorePending(): Promise<void> {
    if (this.#options.restart && this.#inner) {
      this.#firstMemory ??= await rememberOrThrow(this.#inner);
    }
    const state = this.#goBack;
    if (state === undefined) return;
    requireRestorable(state, { now: this.#moves(), hasInner: this.#inner !== undefined });
    this.#w.assign(state.w);
    this.#λ.assign(state.λ);
    if (state.inner !== undefined) await this.#inner?.recall(state.inner);
    if (state.outer !== undefined) await this.#outer.recall(state.outer);
    if (this.#adjoint !== state.adjoint) this.#space.free(this.#adjoint);
    this.#adjoint = state.adjoint;
    this.#step = state.step;
    this.#innerSteps = state.innerSteps;
    this.#goBack = undefined;
    this.#free(state);
  }

  get #point() {
    return { w: this.#w.value, λ: this.#λ.value, innerSteps: this.#innerSteps };
  }

  /** How often the optimizers have moved anything. */
  #moves(): number {
    return (this.#inner?.moves ?? 0) + this.#outer.moves;
  }

  /** A copy of all but the adjoint, which no step changes. */
  async #snapshot(): Promise<Snapshot<V>> {
    const space = this.#space;
    return {
      step: this.#step,
      innerSteps: this.#innerSteps,
      w: space.keep(space.clone(this.#w.value)),
      λ: space.keep(space.clone(this.#λ.value)),
      adjoint: this.#adjoint,
      inner: await this.#inner?.remember(),
      outer: await this.#outer.remember(),
      moves: this.#moves(),
    };
  }

  #free(state: Snapshot<V>): void {
    tensors.free(state, this.#adjoint);
  }

  async #outerStep(turn: Turn): Promise<OuterStep> {
    const began = performance.now();
    const k = this.#step + 1;
    const before = await this.#snapshot();
    try {
      this.#goOn(turn);
    } catch (error) {
      this.#free(before);
      throw error;
    }
    this.#goBack = before;
    const session = this.#problems.session();
    try {
      await this.#begin();
      if (this.#options.how.name === 'implicit') {
        await session.prepare(this.#point);
        this.#goOn(turn);
      }
      const tolerance = toleranceOf(this.#options.tolerance, k);
      if (this.#options.how.name === 'implicit') await this.#train(k, tolerance, turn, session);
      const found = await this.#differentiate(k, tolerance, turn, session);
      const { value, stats } = found;
      try {
        const losses = await this.#problems.losses(k, this.#point, session);
        const norm = found.norm ?? (await normsOf(this.#space, [value]))[0]!;
        this.#goOn(turn);
        await this.#outer.follow(value, { loss: losses.outerLoss, norm, tolerance });
        const innerSteps = this.#innerSteps - before.innerSteps;
        // What it throws ends a step that is not done yet.
        this.#options.progress?.update(k, `outer loss ${losses.outerLoss.toPrecision(4)}`);
        this.#step = k;
        this.#goBack = undefined;
        this.#free(before);
        const seconds = (performance.now() - began) / 1000;
        return { step: k, ...losses, hypergradientNorm: norm, ...stats, innerSteps, seconds };
      } finally {
        this.#space.free(value);
      }
    } catch (error) {
      // What has taken over has rolled back already; a run that is disposed needs no roll-back.
      if (!turn.overtaken && !this.#disposed) await this.#restorePending();
      if (this.#disposed) this.#checkAlive();
      throw error;
    } finally {
      session.dispose();
    }
  }

  async #begin(): Promise<void> {
    if (this.#firstW === undefined) return;
    this.#w.assign(this.#firstW);
    if (this.#firstMemory !== undefined) await this.#inner?.recall(this.#firstMemory);
  }

  /** Inner steps until there are enough of them, or the gradient is small enough. */
  async #train(k: number, enough: number, turn: Turn, session: FlatSession<V>): Promise<void> {
    const { inner, progress } = this.#options;
    const { steps } = inner!;
    const flat = this.#inner!.descendFlat && session.at(this.#point);
    if (flat !== undefined) {
      const from = this.#innerSteps;
      await this.#inner!.descendFlat!(flat, { count: steps, enough }, (done) => {
        this.#goOn(turn);
        this.#innerSteps = from + done;
        progress?.update(k - 1 + done / (steps + 1), `inner step ${done} of ${steps}`);
      });
      return;
    }
    for (let i = 0; i < steps; i++) {
      const { moved } = await this.#inner!.descend(this.#problems.inner(this.#point), enough);
      this.#goOn(turn);
      if (!moved) return;
      session.leave();
      this.#innerSteps++;
      progress?.update(k - 1 + (i + 1) / (steps + 1), `inner step ${i + 1} of ${steps}`);
    }
  }

  async #differentiate(
    k: number,
    tolerance: number,
    turn: Turn,
    session: FlatSession<V>,
  ): Promise<OuterDerivative<V>> {
    const { how } = this.#options;
    const problem = this.#problems.outer(k, this.#innerSteps, how.name) as LossProblem;
    const { watch, goOn } = { watch: turn.goOn, goOn: () => this.#goOn(turn) };
    if (how.name === 'unrolled') {
      const take = (w: V) => {
        goOn();
        this.#w.assign(w);
        this.#innerSteps += how.steps;
      };
      return unrolledDerivative(how, problem, this.#point, { watch, take });
    }
    const take = (adjoint: V) => {
      goOn();
      // The last adjoint lives on in the snapshot until the step is done.
      this.#adjoint = adjoint;
    };
    const known = {
      start: this.#adjoint,
      factors: this.#problems.factors(k),
      tolerance,
      flat: session.at(this.#point),
    };
    return implicitDerivative(how, problem, this.#point, { ...known, watch, take });
  }
}

/** @throws InputError for a tolerance that is not a number of at least 0. */
function toleranceOf(tolerance: ((k: number) => number) | undefined, k: number): number {
  if (tolerance === undefined) return 0;
  const value: unknown = tolerance(k);
  if (typeof value === 'number' && value >= 0) return value;
  throw new InputError({
    given: `the tolerance ${shown(value)} of step ${k}`,
    expected: 'a number of at least 0',
    remedy: 'Pass a function k => εₖ, such as decreasingTolerance().',
  });
}
