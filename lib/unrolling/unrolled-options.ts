import type { Execution } from '../autodiff';
import { InputError } from '../errors';
import { type MethodOf, requireSpectrum, type Spectrum } from '../methods';
import { checkCount, checkOptionNames, phrase, quoted, remedyOf, shown } from '../options';
import type { NamedTensors, Vector } from '../spaces';
import { type Checkpoint, schedule } from './schedule';

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
  /** Differentiate the last K steps only. Default all. */
  truncate?: number;
  /** Reverse mode only: keep some states, and compute the others again. Default: all steps are recorded. */
  checkpoint?: Checkpoint;
  /** Bounds of the eigenvalues of the inner Hessian, for methods that are tuned by them. Default none. */
  spectrum?: Spectrum;
}

const NAMES = ['method', 'steps', 'mode', 'truncate', 'checkpoint', 'spectrum'];

/** An unrolled derivative, its parts and its cost. */
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
  /**
   * Whether steps and derivatives ran by a compiled program (see `compiled`), derivatives alone, or none of
   * it, as at the last step; undefined in float64, where derivatives are the problem's own.
   */
  execution?: Execution;
}

/** @throws InputError for invalid options of `unrolled`. */
export function checkUnrolledOptions<V extends Vector>(options: UnrolledOptions<V>): void {
  checkOptionNames('unrolled', options, NAMES);
  const { method, steps, mode, truncate, checkpoint, spectrum } = options;
  if (spectrum !== undefined) requireSpectrum(spectrum, 'unrolled');
  if (typeof method !== 'function' && typeof method?.on !== 'function') {
    throw new InputError({
      given: `${phrase(method)} as the method of unrolled`,
      expected: 'an inner method such as gradientDescent(0.1)',
      remedy: remedyOf(
        method,
        'A tf.Optimizer assigns variables and cannot be differentiated through; adam(rate) can.',
      ),
    });
  }
  checkCount(steps, 'a number of steps of', { remedy: 'Count in steps.' });
  if (mode !== undefined && mode !== 'reverse' && mode !== 'forward') {
    throw new InputError({
      given: `the mode ${quoted(mode)}`,
      expected: "'reverse' or 'forward'",
      remedy: "Forward mode pays for few hyperparameters only; 'reverse' is the default.",
    });
  }
  if (truncate !== undefined) {
    checkCount(truncate, 'a truncation of', { remedy: 'Count in steps.' });
    if (truncate > steps) {
      throw new InputError({
        given: `truncate: ${shown(truncate)} of ${shown(steps)} steps`,
        expected: `at most ${shown(steps)} steps, which is all of them`,
        remedy: 'Leave it out to differentiate all steps.',
      });
    }
  }
  if (checkpoint === undefined) return;
  schedule(0, 1, checkpoint);
  if (mode === 'forward') {
    throw new InputError({
      given: `checkpoint: ${shown(checkpoint)} with mode: 'forward'`,
      expected: "a checkpoint with mode: 'reverse' only",
      remedy: 'Forward mode stores no steps that checkpoints could save.',
    });
  }
}
