import * as tf from '@tensorflow/tfjs';
import { auxiliaryNumbers } from '../autodiff';
import { DisposedError, NotFiniteError, UnsupportedError } from '../errors';
import { isSolverName, solverFromRecord } from '../solvers';
import { type NamedTensors, normsOf, type Space, spaceOf, tensors, type Vector } from '../spaces';
import type { LossProblem, UnrolledProblem } from '../unrolling';
import { objectiveOf } from '../unrolling';
import type { BilevelRun, BilevelSettings, OuterStep } from './bilevel-options';
import { type BilevelCheckpoint, loadLike, loadMemory, save, saveMemory } from './checkpoint';
import {
  type DifferentiateImplicit,
  type DifferentiateOptions,
  type ImplicitOptions,
  implicit,
} from './implicit';
import { type Memory, type Mover, moverOf, rememberOrThrow } from './mover';
import { type Place, placeOf } from './place';
import { type BatchedProblem, onBatches, type ValuedProblem } from './problem';
import { type Turn, Turns } from './turns';

/** All that a run is between two outer steps. */
interface Snapshot<V> {
  step: number;
  innerSteps: number;
  w: V;
  λ: V;
  adjoint: V | undefined;
  /** Undefined where an optimizer does not give its state; then only the count of its steps is known. */
  inner: Memory | undefined;
  outer: Memory | undefined;
  moves: number;
}

/** See `bilevel`. */
export class Run<V extends Vector, B> implements BilevelRun<V> {
  readonly #problem: BatchedProblem<B>;
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
    const { w, checkpoint, restart, inner, outer } = options;
    this.#problem = problem as BatchedProblem<B>;
    this.#options = options;
    this.#space = spaceOf(w);
    this.#goBack = checkpoint && loaded(checkpoint, w, λ);
    this.#w = placeOf(this.#goBack?.w ?? w);
    this.#λ = placeOf(this.#goBack?.λ ?? λ);
    this.#firstW = restart ? this.#space.keep(this.#space.clone(w)) : undefined;
    this.#inner = inner && moverOf(inner.optimizer, this.#w);
    this.#outer = moverOf(outer.optimizer, this.#λ);
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
        await this.#settle();
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
    await this.#settle();
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
      return checkpoint;
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

  /** Makes the run whole again, and ready for its first step. */
  async #settle(): Promise<void> {
    if (this.#options.restart && this.#inner) {
      this.#firstMemory ??= await rememberOrThrow(this.#inner);
    }
    const state = this.#goBack;
    if (state === undefined) return;
    this.#checkRepeatable(state);
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

  /** @throws UnsupportedError where an optimizer has moved that cannot go back. */
  #checkRepeatable({ inner, outer, moves }: Snapshot<V>): void {
    const told = outer !== undefined && (this.#inner === undefined || inner !== undefined);
    if (told || moves === this.#moves()) return;
    throw new UnsupportedError({
      given:
        'a step that was cut short, with an optimizer that does not tell its state (getWeights)',
      expected: 'one that does, for the step to be done again: sgd, momentum, rmsprop, adam',
      remedy: 'Begin a new run from copies of w and λ, with another optimizer.',
    });
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
    this.#goOn(turn);
    this.#goBack = before;
    try {
      await this.#begin();
      const tolerance = this.#options.tolerance?.(k) ?? 0;
      if (this.#options.how.name === 'implicit') await this.#train(k, tolerance, turn);
      const { value, stats } = await this.#differentiate(k, tolerance, turn);
      try {
        const losses = await this.#losses(k);
        const norm = (await normsOf(this.#space, [value]))[0]!;
        this.#goOn(turn);
        await this.#outer.follow(value, { loss: losses.outerLoss, norm, tolerance });
        const innerSteps = this.#innerSteps - before.innerSteps;
        this.#step = k;
        this.#goBack = undefined;
        this.#free(before);
        this.#options.progress?.update(k, `outer loss ${losses.outerLoss.toPrecision(4)}`);
        const seconds = (performance.now() - began) / 1000;
        return { step: k, ...losses, hypergradientNorm: norm, ...stats, innerSteps, seconds };
      } finally {
        this.#space.free(value);
      }
    } catch (error) {
      // What has taken over has settled already; of what is disposed nothing is left to settle.
      if (!turn.overtaken && !this.#disposed) await this.#settle();
      if (this.#disposed) this.#checkAlive();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    if (this.#firstW === undefined) return;
    this.#w.assign(this.#firstW);
    if (this.#firstMemory !== undefined) await this.#inner?.recall(this.#firstMemory);
  }

  /** Inner steps until there are enough of them, or the gradient is small enough. */
  async #train(k: number, enough: number, turn: Turn): Promise<void> {
    const { inner, progress } = this.#options;
    const { steps } = inner!;
    for (let i = 0; i < steps; i++) {
      const { moved } = await this.#inner!.descend(
        this.#innerProblem(this.#innerSteps + 1),
        enough,
      );
      this.#goOn(turn);
      if (!moved) return;
      this.#innerSteps++;
      progress?.update(k - 1 + (i + 1) / (steps + 1), `inner step ${i + 1} of ${steps}`);
    }
  }

  /** The inner problem of the t-th inner step, at the λ of now. */
  #innerProblem(t: number) {
    const problem = this.#problem;
    const w = this.#w.value;
    const λ = this.#λ.value;
    // A problem without batches gets the number of the step in their place.
    const { batches } = this.#options;
    const batch = batches === undefined ? (t as B) : batches.inner(t);
    const seen =
      batches === undefined
        ? (problem as unknown as UnrolledProblem<V>)
        : (onBatches(problem, { inner: batch, outer: batch }) as unknown as UnrolledProblem<V>);
    return {
      loss: () => problem.inner(w as never, λ as never, batch),
      gradient: (x: V) => objectiveOf(seen, λ).field.gradient(x, t),
    };
  }

  async #differentiate(k: number, tolerance: number, turn: Turn) {
    const { how, batches } = this.#options;
    // One of two overloads, each for problem and vectors of a kind, which bilevel() has paired.
    const args = [
      this.#problemOf(k) as LossProblem,
      this.#w.value as NamedTensors,
      this.#λ.value as NamedTensors,
    ] as const;
    if (how.name === 'unrolled') {
      const { value, w, adjoint, auxiliary, stats } = await how.differentiate(...args, {
        watch: turn.goOn,
      });
      tensors.free(adjoint);
      try {
        this.#goOn(turn);
        this.#w.assign(w as V);
      } catch (error) {
        tensors.free([value, auxiliary]);
        throw error;
      } finally {
        tensors.free(w);
      }
      this.#innerSteps += how.steps;
      const marked = await numbersOf(auxiliary);
      return { value: value as V, stats: { products: stats.products, ...marked } };
    }
    const options: DifferentiateOptions<NamedTensors> = { watch: turn.goOn };
    if (this.#adjoint !== undefined) options.start = this.#adjoint as NamedTensors;
    if (batches?.factors !== undefined) {
      options.factors = (j) =>
        onBatches(this.#problem, {
          inner: batches.factors!(k, j),
          outer: batches.outer(k),
        });
    }
    const result = await tightened(how, tolerance).differentiate(...args, options);
    try {
      this.#goOn(turn);
    } catch (error) {
      tensors.free([result.value, result.adjoint, result.auxiliary]);
      throw error;
    }
    // The last adjoint lives on in the snapshot until the step is done.
    this.#adjoint = result.adjoint as V;
    const { innerGradientNorm, status, zero, error, products } = result.stats;
    const marked = await numbersOf(result.auxiliary);
    const known = { innerGradientNorm, status, zero, products, ...marked };
    return {
      value: result.value as V,
      stats: error === undefined ? known : { ...known, error: error.bound },
    };
  }

  async #losses(k: number): Promise<Pick<OuterStep, 'innerLoss' | 'outerLoss'>> {
    const [w, λ] = [this.#w.value, this.#λ.value];
    if (w instanceof Float64Array) {
      const problem = this.#problem as unknown as ValuedProblem;
      const { value } = problem.outer(w, λ as Float64Array);
      return finite(problem.inner(w, λ as Float64Array), value);
    }
    const args = [w as NamedTensors, λ as NamedTensors] as const;
    const { inner, outer } = this.#problem;
    const last = Math.max(1, this.#innerSteps);
    const { batches } = this.#options;
    const losses = tf.tidy(() =>
      [
        inner(...args, batches === undefined ? (last as B) : this.#curvatureBatch(k)!),
        outer(...args, batches?.outer(k) as B),
      ].map((loss) => tf.keep(loss.clone())),
    );
    const [innerLoss, outerLoss] = await tensors.read(losses);
    tf.dispose(losses);
    return finite(innerLoss!, outerLoss!);
  }

  /** The problem on the batches of outer step k. */
  #problemOf(k: number): unknown {
    const { batches, how } = this.#options;
    if (batches === undefined) return this.#problem;
    const outer = batches.outer(k);
    if (how.name === 'unrolled') {
      const from = this.#innerSteps;
      return {
        inner: (w, λ, step) => this.#problem.inner(w, λ, batches.inner(from + step)),
        outer: (w, λ) => this.#problem.outer(w, λ, outer),
      } satisfies LossProblem;
    }
    return onBatches(this.#problem, { inner: this.#curvatureBatch(k)!, outer });
  }

  #curvatureBatch(k: number): B | undefined {
    const { batches } = this.#options;
    return batches?.curvature?.(k) ?? batches?.inner(Math.max(1, this.#innerSteps));
  }
}

function loaded<V extends Vector>(checkpoint: BilevelCheckpoint, w: V, λ: V): Snapshot<V> {
  const { step, innerSteps, adjoint, innerOptimizer, outerOptimizer } = checkpoint;
  return {
    step,
    innerSteps,
    w: loadLike(checkpoint.w, w, 'the saved w'),
    λ: loadLike(checkpoint.λ, λ, 'the saved λ'),
    adjoint: adjoint && loadLike(adjoint, w, 'the saved adjoint'),
    inner: innerOptimizer && loadMemory(innerOptimizer),
    outer: loadMemory(outerOptimizer),
    moves: 0,
  };
}

/** What a loss has marked, if anything, as numbers; the tensors are freed. */
const numbersOf = async (marked: NamedTensors | undefined) =>
  marked === undefined ? {} : { auxiliary: await auxiliaryNumbers(marked) };

function finite(innerLoss: number, outerLoss: number) {
  if (Number.isFinite(innerLoss) && Number.isFinite(outerLoss)) return { innerLoss, outerLoss };
  throw new NotFiniteError({
    given: `an inner loss of ${innerLoss} and an outer loss of ${outerLoss}`,
    expected: 'finite losses',
    remedy: 'Look for a NaN in the batch, or take shorter steps.',
  });
}

/** The same way, with the tolerance of its solver set; a solver of the user's own solves as it does. */
function tightened(how: DifferentiateImplicit & ImplicitOptions, tolerance: number) {
  const { solver, ...rest } = how;
  if (tolerance === 0 || !isSolverName(solver?.name)) return how;
  const tight = solverFromRecord({ ...solver!, tolerance: Math.min(tolerance, 0.5) } as never);
  return implicit({ ...rest, solver: tight });
}
