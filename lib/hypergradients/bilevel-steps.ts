import * as tf from '@tensorflow/tfjs';
import { NotFiniteError } from '../errors';
import { giveWay, withPauses } from '../event-loop';
import {
  type BatchedProblem,
  type FlatProblem,
  flatProblem,
  formOf,
  knownFlatProblem,
  type LossProblem,
  onBatches,
  traceLosses,
  type UnrolledProblem,
  type ValuedProblem,
} from '../problems';
import { type NamedTensors, tensors, type Vector } from '../spaces';
import type { BatchPlan, OuterStep } from './bilevel-options';

/** A point of a run: its vectors, and how many inner steps have led to it. */
interface RunPoint<V> {
  w: V;
  λ: V;
  innerSteps: number;
}

/**
 * A problem in the form that goes with a run's vectors: `bilevel` has checked that it has this form,
 * and its type, which is the same for all runs, does not say so.
 */
const inFormOf = <P>(problem: unknown) => problem as P;

/** What an outer step does on flat vectors, all at one λ; it is the step's own. */
export interface FlatSession<V> {
  /** Evaluates losses that are not known yet with pauses; `at` would do so at once. */
  prepare(point: Pick<RunPoint<V>, 'w' | 'λ'>): Promise<void>;
  at(point: Pick<RunPoint<V>, 'w' | 'λ'>): FlatProblem | undefined;
  /** Lets go of the vectors of a point that w has left as tensors; those that `at` returns next are where it is. */
  leave(): void;
  dispose(): void;
}

/** The problems of a run's single steps, each on its batches. */
export class StepProblems<V extends Vector, B> {
  readonly #problem: BatchedProblem<B>;
  readonly #batches: BatchPlan<B> | undefined;

  constructor(problem: BatchedProblem<B>, batches: BatchPlan<B> | undefined) {
    this.#problem = problem;
    this.#batches = batches;
  }

  /** The inner problem of the next inner step. */
  inner({ w, λ, innerSteps }: RunPoint<V>) {
    const t = innerSteps + 1;
    const problem = this.#problem;
    // A problem without batches gets the number of the step in their place.
    const batches = this.#batches;
    const batch = batches === undefined ? (t as B) : batches.inner(t);
    const seen =
      batches === undefined ? problem : onBatches(problem, { inner: batch, outer: batch });
    const form = formOf(inFormOf<UnrolledProblem<V>>(seen), λ);
    return {
      loss: () => problem.inner(w as never, λ as never, batch),
      gradient: (x: V) => form.gradient(x, t),
      ...(form.inPieces && { inPieces: (x: V) => form.inPieces!.gradient(x, t) }),
    };
  }

  /** The problem on flat vectors at a point, made when it is first asked for, where it has programs. */
  session(): FlatSession<V> {
    let found: FlatProblem | undefined;
    const leave = () => {
      found?.dispose();
      found = undefined;
    };
    return {
      prepare: async ({ w, λ }) => {
        if (this.#batches !== undefined || w instanceof Float64Array) return;
        const problem = inFormOf<LossProblem>(this.#problem);
        const given = [problem, w as NamedTensors, λ as NamedTensors] as const;
        found = quick(knownFlatProblem(...given, KIND));
        if (found === undefined) await withPauses(traceLosses(...given));
      },
      at: (point) => {
        found ??= this.#flat(point);
        return found;
      },
      leave,
      dispose: leave,
    };
  }

  #flat({ w, λ }: Pick<RunPoint<V>, 'w' | 'λ'>): FlatProblem | undefined {
    if (this.#batches !== undefined || w instanceof Float64Array) return undefined;
    const problem = inFormOf<LossProblem>(this.#problem);
    return quick(flatProblem(problem, w as NamedTensors, λ as NamedTensors, KIND));
  }

  /** The problem that is differentiated in outer step k. */
  outer(k: number, innerSteps: number, how: 'implicit' | 'unrolled'): unknown {
    const batches = this.#batches;
    if (batches === undefined) return this.#problem;
    const outer = batches.outer(k);
    if (how === 'unrolled') {
      return {
        inner: (w, λ, step) => this.#problem.inner(w, λ, batches.inner(innerSteps + step)),
        outer: (w, λ) => this.#problem.outer(w, λ, outer),
      } satisfies LossProblem;
    }
    return onBatches(this.#problem, { inner: this.#curvatureBatch(k, innerSteps)!, outer });
  }

  /** Outer step k on the batch of the j-th factor of a series; undefined without such batches. */
  factors(k: number) {
    const batches = this.#batches;
    if (batches?.factors === undefined) return undefined;
    return (j: number) =>
      onBatches(this.#problem, { inner: batches.factors!(k, j), outer: batches.outer(k) });
  }

  /** Both losses of outer step k. */
  async losses(
    k: number,
    { w, λ, innerSteps }: RunPoint<V>,
    session: FlatSession<V>,
  ): Promise<Pick<OuterStep, 'innerLoss' | 'outerLoss'>> {
    if (w instanceof Float64Array) {
      const problem = inFormOf<ValuedProblem>(this.#problem);
      // Copies, which a problem may change in place.
      const copies = () => [w.slice(), (λ as Float64Array).slice()] as const;
      const { value } = problem.outer(...copies());
      return finite(problem.inner(...copies()), value);
    }
    const flat = session.at({ w, λ });
    if (flat?.outerLoss !== undefined) {
      await withPauses(flat.prepare('losses'));
      return finite(flat.innerLoss(flat.w), flat.outerLoss(flat.w));
    }
    const args = [w as NamedTensors, λ as NamedTensors] as const;
    const problem = this.#problem;
    const last = Math.max(1, innerSteps);
    const batches = this.#batches;
    const batch = batches === undefined ? (last as B) : this.#curvatureBatch(k, innerSteps)!;
    const losses: tf.Scalar[] = [];
    const evaluate = (loss: () => tf.Scalar) => losses.push(tf.tidy(() => tf.keep(loss().clone())));
    try {
      await giveWay();
      evaluate(() => problem.inner(...args, batch));
      await giveWay();
      evaluate(() => problem.outer(...args, batches?.outer(k) as B));
      const [innerLoss, outerLoss] = await tensors.read(losses);
      return finite(innerLoss!, outerLoss!);
    } finally {
      tf.dispose(losses);
    }
  }

  #curvatureBatch(k: number, innerSteps: number): B | undefined {
    return this.#batches?.curvature?.(k) ?? this.#batches?.inner(Math.max(1, innerSteps));
  }
}

/** The product with a derivative that is needed most. */
const KIND = 'pull to the varied';

/** Undefined for a problem that takes long: its steps and losses are left in between. */
function quick(problem: FlatProblem | undefined): FlatProblem | undefined {
  if (!problem?.isLong) return problem;
  problem.dispose();
  return undefined;
}

function finite(innerLoss: number, outerLoss: number) {
  if (Number.isFinite(innerLoss) && Number.isFinite(outerLoss)) return { innerLoss, outerLoss };
  throw new NotFiniteError({
    given: `an inner loss of ${innerLoss} and an outer loss of ${outerLoss}`,
    expected: 'finite losses',
    remedy: 'Look for a NaN in the batch, or take shorter steps.',
  });
}
