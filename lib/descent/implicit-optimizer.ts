import * as tf from '@tensorflow/tfjs';
import { type Curvature, checkScalar } from '../autodiff';
import { InputError, UnsupportedError } from '../errors';
import { finish, giveWay, type Pausing, withoutPause } from '../event-loop';
import { checkNoMore } from '../options';
import { type LinearSolver, supportsInnerProduct } from '../solvers';
import { tensors } from '../spaces';
import { type Asking, atOnce, inTurns } from './asking';
import {
  type BatchOptions,
  checkBatchOptions,
  checkedLoss,
  type Loss,
  lossesOf,
  type Tapes,
  type WeightedLosses,
  weighted,
} from './batches';
import { candidates, reachedBy } from './candidates';
import { Preconditioner } from './kronecker';
import { preconditioned, type SystemToSolve } from './preconditioned';
import { recordLosses } from './recorded-losses';
import { factorAt } from './schedule';
import type { Verdict } from './self-tuning';
import { StatefulOptimizer } from './stateful-optimizer';
import { PendingStats, type StepStats, secondsSince } from './stats';
import { gradientOf, type OwnedStepGradient, steadied } from './step-gradient';
import type { ImplicitStepOptions } from './step-options';
import type { Proposal, StepDraft, StepGradient, StepPlan, StepRecord } from './step-parts';
import { disposedUnderWay, StepQueue } from './step-queue';
import { acceptStep, learnFrom } from './step-verdict';
import { checkFinite, checkUnmoved, move } from './variables';

/**
 * An optimizer whose step solves a linear system with the curvature of the loss: the course of a step, which all
 * of them share. `propose` defines what a step is.
 */
export abstract class ImplicitOptimizer<
  O extends ImplicitStepOptions,
> extends StatefulOptimizer<O> {
  readonly #queue = new StepQueue();
  /** How often the optimizer has forgotten its steps: a step under way notices. */
  #disposals = 0;
  #last: Pick<PendingStats, 'read' | 'dispose'> | undefined;
  readonly #preconditioner = new Preconditioner();

  /** Whether a step asks nothing of the curvature but products, in the inner product that it has. */
  protected needsProductsAlone(): boolean {
    const { curvature, preconditioner } = this.options;
    // The factors that it is made of are on a tape.
    if (preconditioner && this.#preconditioner.isDue(preconditioner)) return false;
    const isClosed = curvature === 'fisher-rank-one';
    return tensors.readableNow() && (isClosed || supportsInnerProduct(this.solverNow));
  }

  /** What solves the system of this step, with the preconditioner that the options ask for. */
  protected *solverOf(system: SystemToSolve): Pausing<LinearSolver> {
    const { preconditioner } = this.options;
    if (preconditioner === undefined) return this.solverNow;
    const M = yield* this.#preconditioner.atInPieces(preconditioner, system);
    return preconditioned(this.solverNow, M);
  }

  /** The step that follows from what was recorded. */
  protected abstract propose(
    recorded: Curvature,
    plan: StepPlan,
    seen: StepGradient,
  ): Asking<Proposal>;

  /**
   * Takes one step on the loss `f()`; returns the loss before it, if asked to.
   *
   * Synchronous, as `model.fit` needs it: nothing is read back from a GPU.
   *
   * @param varList the variables to move; by default all trainable ones. Those that the loss does not
   *   depend on stay as they are, as with the optimizers of TensorFlow.js
   */
  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    checkNoMore('minimize()', arguments, 3);
    this.#queue.requireIdle('minimize()');
    const record = this.#begin(weighted([checkedLoss(f)]), varList);
    return atOnce(this.#take(withoutPause(record), returnCost));
  }

  /**
   * Takes one step on the loss `f()` and waits for its stats; or, given several losses, the step on
   * their mean, with the gradients and the curvature of all: that of one large batch which would not
   * fit in one evaluation, or is not there as one.
   *
   * One of several losses is held at a time: each is evaluated for its gradient, and once more for each
   * product, so that the memory is that of one batch.
   *
   * @param options.weights of the losses, relative to each other, such as the sizes of their batches;
   *   default equal
   * @param options.tapes `'all'` evaluates each loss once, and holds all; default `'one'`
   * @param options.curvature the loss of a share of the examples, whose curvature stands for that of all
   * @throws what `minimize` throws, and NotFiniteError also on a GPU; InputError where one of several
   *   losses has another value when it is evaluated again. The weights are then as they were.
   */
  async step(
    f: Loss | readonly Loss[],
    varList?: tf.Variable[],
    options: BatchOptions = {},
  ): Promise<StepStats> {
    checkNoMore('step()', arguments, 3);
    const losses = lossesOf(f);
    const { weights, tapes, curvature } = checkBatchOptions(options);
    if (curvature) this.checkShare();
    return this.inTurn(async () => {
      const record = this.#begin(weighted(losses, weights), varList, tapes, curvature);
      await inTurns(this.#take(await finish(record), false));
      const stats = await this.lastStep();
      // The next step begins with its loss.
      await giveWay();
      return stats;
    });
  }

  /** Takes a step at once, or after those that are under way. */
  protected inTurn<T>(take: () => Promise<T>): Promise<T> {
    return this.#queue.take(take);
  }

  /**
   * The stats of the last step.
   *
   * @throws InputError before there was one; NotFiniteError if a GPU had to undo it.
   */
  lastStep(): Promise<StepStats> {
    const pending = this.#last;
    if (pending !== undefined) return pending.read();
    return Promise.reject(
      new InputError({
        given: 'lastStep() before any step',
        expected: 'a step to have been taken',
        remedy: 'Call minimize() or step() first.',
      }),
    );
  }

  /**
   * The loss and its gradients, as every optimizer has them; nothing is moved.
   *
   * @throws InputError for anything but a loss and a list of trainable variables that it depends on.
   */
  override computeGradients(f: () => tf.Scalar, varList?: tf.Variable[]) {
    const loss = checkedLoss(f);
    const { list } = candidates({ list: varList, parameters: undefined, others: 'explicit' });
    return tf.tidy(() =>
      super.computeGradients(
        () => {
          const value = loss();
          checkScalar(value);
          reachedBy(value, { list, parameters: undefined, others: 'explicit' });
          return value;
        },
        list && [...list],
      ),
    );
  }

  /** Not available: the step needs the curvature, which gradients alone do not determine. */
  override applyGradients(): void {
    throw new UnsupportedError({
      given: 'applyGradients() on implicit gradient descent',
      expected: 'minimize(f) or step(f)',
      remedy:
        'The step depends on the curvature of the loss, which the gradients do not hold. For ' +
        'hyperparameters, of which only the gradient is known, take another optimizer.',
    });
  }

  /**
   * Frees all tensors that the optimizer holds: its state and the stats of the last step. Variables are
   * yours, and stay.
   *
   * The optimizer is then as newly made with its options and its present `learningRate`: the count of
   * steps is 0, a schedule begins again, `'auto'` starts from `initial`, and moments are zero. To go on
   * later instead, `setWeights` what `getWeights` gave before. A step that is under way moves nothing and
   * rejects with a DisposedError; `lastStep()` throws until there is a next step. Harmless when repeated.
   */
  override dispose(): void {
    this.#disposals++;
    this.#last?.dispose();
    this.#last = undefined;
    this.#preconditioner.dispose();
    super.dispose();
  }

  /** What the next step may move, and its step size. */
  protected draft(varList: tf.Variable[] | undefined): StepDraft {
    const { parameters, others = 'explicit', schedule } = this.options;
    const factor = schedule ? factorAt(schedule, this.iterations) : 1;
    const chosen = candidates({ list: varList, parameters, others });
    return { ...chosen, stepSize: this.learningRate * factor };
  }

  /** Evaluates the losses, with their gradient and curvature for what they turn out to depend on. */
  protected *record(losses: WeightedLosses, draft: StepDraft, tapes?: Tapes): Pausing<StepRecord> {
    const { began, disposals } = { began: performance.now(), disposals: this.#disposals };
    const kind = this.options.curvature === 'gauss-newton' ? 'gauss-newton' : 'hessian';
    const asked = { kind, byProgram: this.needsProductsAlone() } as const;
    const { chosen, ...rest } = yield* recordLosses(losses, draft, asked, tapes);
    return { ...rest, plan: { ...chosen, stepSize: draft.stepSize }, began, disposals };
  }

  /** The same for a step that may be measured. */
  *#begin(
    losses: WeightedLosses,
    varList?: tf.Variable[],
    tapes?: Tapes,
    curvature?: Loss,
  ): Pausing<StepRecord> {
    const draft = this.draft(varList);
    const { tuning } = this;
    try {
      const whole = yield* this.record(tuning?.begin(losses) ?? losses, draft, tapes);
      return curvature ? yield* this.#withShare(whole, curvature, draft) : whole;
    } catch (error) {
      tuning?.fail();
      tuning?.end();
      throw error;
    }
  }

  /** A step to which the curvature of a share of the examples belongs. */
  *#withShare(whole: StepRecord, loss: Loss, draft: StepDraft): Pausing<StepRecord> {
    try {
      const { recorded: share, plan, auxiliary } = yield* this.record(weighted([loss]), draft);
      tensors.free(auxiliary);
      const missing = whole.plan.moving.filter((name) => !plan.moving.includes(name));
      if (missing.length === 0) return { ...whole, share };
      share.dispose();
      throw new InputError({
        given: `a loss for the curvature that does not depend on ${missing.join(', ')}`,
        expected: 'the loss of some of the examples, of the same parameters',
        remedy: 'Leave curvature out, or give it the same loss on fewer examples.',
      });
    } catch (error) {
      whole.recorded.dispose();
      tensors.free(whole.auxiliary);
      throw error;
    }
  }

  /** @throws InputError where no curvature is looked at, or more than that at one place. */
  protected checkShare(): void {
    if (this.options.curvature !== 'fisher-rank-one') return;
    throw new InputError({
      given: "a loss for the curvature with curvature: 'fisher-rank-one'",
      expected: "curvature: 'gauss-newton' or 'hessian'",
      remedy: 'That of rank one is made of the gradient alone, and costs no product.',
    });
  }

  protected remember(stats: Pick<PendingStats, 'read' | 'dispose'>, { places }: StepPlan): void {
    this.#last?.dispose();
    this.#last = stats;
    this.countStep(places);
  }

  *#take(record: StepRecord, returnCost: boolean): Asking<tf.Scalar | null> {
    const { recorded, share, plan, before, auxiliary, began, disposals } = record;
    const { tuning } = this;
    let seen: OwnedStepGradient | undefined;
    let proposal: Proposal | undefined;
    let sound: tf.Scalar | undefined;
    let steady: tf.Scalar | undefined;
    let verdict: Verdict | undefined;
    try {
      const { value: loss } = recorded;
      seen = gradientOf(recorded, plan.moving, this.options);
      checkFinite(loss, seen.gradient);
      if (tuning) {
        tuning.recordSlope(plan.variables, seen.gradient);
        plan.stepSize = tuning.region.delta;
        plan.carried = tuning.region.carried;
      }
      // The rows of the whole batch are not those of the share.
      const apart = share && {
        gradient: seen.gradient,
        // biome-ignore lint/correctness/useYield: at once
        *rowSpace() {
          return undefined;
        },
      };
      proposal = yield* this.propose(share ?? recorded, plan, apart ?? seen);
      checkUnmoved(plan.variables, before, 'a step');
      if (this.#disposals !== disposals) throw disposedUnderWay();
      const { step, memory = [], solved, undone, objective } = proposal;
      const { gradient } = seen;
      const { variables, stepSize } = plan;
      steady = record.steady();
      const facts = { step, delta: stepSize, gradient, memory };
      const go = () => tf.tidy(() => move(variables, { ...facts, loss: steadied(loss, steady) }));
      if (tuning) {
        const { lossesTo } = recorded;
        const what = { variables, stepSize, loss, lossesTo, gradient, step, objective };
        ({ sound, verdict } = tuning.judge(go, what));
      } else sound = go();
      acceptStep(proposal, sound, verdict);
      const { execution } = recorded;
      const seconds = secondsSince(began);
      const known = { stepSize, products: solved.products, execution, seconds };
      const uncount = () => {
        this.uncountStep();
        undone?.();
      };
      const tuned = verdict && learnFrom(verdict, proposal, tuning!);
      const outcome = { loss, sound, steady, solved, known, auxiliary, undone: uncount };
      this.remember(new PendingStats({ ...outcome, awaited: tuned }), plan);
      // On a GPU δ changes when the numbers arrive, which are asked for now.
      if (verdict && !tensors.readableNow()) this.lastStep().catch(() => {});
      return returnCost ? (loss.clone() as tf.Scalar) : null;
    } catch (error) {
      tuning?.fail();
      proposal?.solved.dispose();
      tensors.free(auxiliary);
      throw error;
    } finally {
      tensors.free([sound, steady]);
      proposal?.free();
      seen?.free();
      recorded.dispose();
      share?.dispose();
      tuning?.end();
    }
  }
}
