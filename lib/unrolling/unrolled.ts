import * as tf from '@tensorflow/tfjs';
import type { Flat } from '../autodiff';
import { NotFiniteError } from '../errors';
import { withPauses } from '../event-loop';
import { arithmeticOf, fixed, iterationOf, type LearnedSettings, learnSettings } from '../methods';
import { checkFunction, checkNoMore, checkOptionNames, settled } from '../options';
import {
  checkPair,
  flatProblem,
  formOf,
  type LossProblem,
  traceLosses,
  type UnrolledProblem,
} from '../problems';
import { holding, type NamedTensors, normsOf, type Space, spaceOf, type Vector } from '../spaces';
import { forward } from './forward-mode';
import { reverse } from './reverse-mode';
import { schedule } from './schedule';
import {
  checkUnrolledOptions,
  type UnrolledDerivative,
  type UnrolledOptions,
} from './unrolled-options';
import { type UnrolledResult, UnrolledRun } from './unrolled-run';

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
 * @throws InputError for an unknown option, counts that are not whole, a spectrum without `0 < μ ≤ L`, or
 *   options that exclude each other.
 * @see Franceschi et al., [Forward and reverse gradient-based hyperparameter
 *   optimization](https://arxiv.org/abs/1703.01785), 2017; Shaban et al., [Truncated
 *   back-propagation for bilevel optimization](https://arxiv.org/abs/1810.10667), 2019
 *   (truncation).
 */
export function unrolled<V extends Vector = NamedTensors>(
  options: UnrolledOptions<V>,
): UnrolledOptions<V> & DifferentiateUnrolled {
  checkNoMore('unrolled', arguments, 1);
  checkUnrolledOptions(options);
  const settings = { ...options };
  const record = { name: 'unrolled' as const, ...settings };
  const way = Object.defineProperty(record, 'differentiate', {
    value<W extends Vector>(
      problem: UnrolledProblem<W>,
      w: W,
      λ: W,
      how: { watch?: () => void } = {},
    ) {
      checkNoMore('differentiate', arguments, 4);
      const options = settings as UnrolledOptions<Vector> as UnrolledOptions<W>;
      return differentiate(options, problem, w, λ, how);
    },
  }) as typeof record & DifferentiateUnrolled;
  return settled(way, 'unrolled()');
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
  options: UnrolledOptions<V>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  how: { watch?: () => void },
): Promise<UnrolledDerivative<V>> {
  checkPair(w, λ);
  checkOptionNames('differentiate', how, ['watch']);
  const { watch } = how;
  if (watch !== undefined) checkFunction(watch, 'watch');
  return holding([w, λ], (w, λ) => differentiateHeld(options, problem, w, λ, watch));
}

async function differentiateHeld<V extends Vector>(
  options: UnrolledOptions<V>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  watch?: () => void,
): Promise<UnrolledDerivative<V>> {
  const form = formOf(problem, λ);
  const flat = await differentiateFlat(options, problem, w, λ, watch);
  if (flat !== undefined) return flat;
  const learned = await learnSettings(options.method, λ);
  try {
    const setting = {
      space: spaceOf(w),
      arithmetic: arithmeticOf(w),
      form,
      λ,
      ...(!(w instanceof Float64Array) && { bytes: () => tf.memory().numBytes }),
    };
    const run = new UnrolledRun(
      iterationOf(learned.method, options.spectrum, learned.resolve),
      setting,
      w,
      watch,
    );
    const { mode } = options;
    return await differentiateBy(options, run, learned, (from, to) =>
      mode === 'forward'
        ? learned.slopes().then((slopes) => forward(run, from, to, slopes))
        : undefined,
    );
  } finally {
    learned.dispose();
  }
}

/** Reverse mode on flat vectors, where the problem has programs and nothing is learned. */
async function differentiateFlat<V extends Vector>(
  options: UnrolledOptions<V>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  watch?: () => void,
): Promise<UnrolledDerivative<V> | undefined> {
  const { method, mode = 'reverse', spectrum } = options;
  if (w instanceof Float64Array || mode !== 'reverse' || typeof method === 'function') {
    return undefined;
  }
  const given = [problem as LossProblem, w as NamedTensors, λ as NamedTensors] as const;
  await withPauses(traceLosses(...given));
  const setting = flatProblem(...given, 'pull');
  if (setting === undefined) return undefined;
  const { space } = setting;
  try {
    // Its steps are left in between.
    if (setting.isLong) return undefined;
    const bytes = () => tf.memory().numBytes + space.bytes;
    const run = new UnrolledRun(
      iterationOf(method, spectrum),
      { ...setting, bytes, execution: 'compiled' },
      setting.w,
      watch,
    );
    const found = await differentiateBy(options, run, fixed<Flat>(method), () => undefined);
    const { auxiliary, stats, ...vectors } = found;
    const result = Object.fromEntries(
      Object.entries(vectors).map(([name, x]) => [name, space.toTensors(x)]),
    ) as Pick<UnrolledDerivative<NamedTensors>, 'value' | 'w' | 'adjoint'>;
    space.free(vectors);
    // V are named tensors here.
    return {
      ...result,
      ...(auxiliary && { auxiliary }),
      stats,
    } as UnrolledDerivative<Vector> as UnrolledDerivative<V>;
  } finally {
    setting.dispose();
  }
}

type Settled = Pick<UnrolledOptions, 'steps' | 'truncate' | 'checkpoint'>;

/** Takes the steps and differentiates them: by `forwards` where it gives something, else in reverse. */
async function differentiateBy<V>(
  { steps, truncate = steps, checkpoint }: Settled,
  run: UnrolledRun<V>,
  learned: LearnedSettings<V>,
  forwards: (from: number, to: number) => Promise<UnrolledResult<V>> | undefined,
): Promise<UnrolledDerivative<V>> {
  try {
    const from = steps - truncate;
    if (from > 0) {
      await run.advance(0, from);
      run.forget(0);
    }
    let result = await forwards(from, steps);
    if (result === undefined) {
      result = await reverse(run, schedule(from, steps, checkpoint));
      await run.addLearned(result, learned);
    }
    await requireFinite(run.space, result);
    return { ...result, stats: run.stats };
  } finally {
    run.dispose();
  }
}

async function requireFinite<V>(
  space: Space<V, unknown>,
  result: UnrolledResult<V>,
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
