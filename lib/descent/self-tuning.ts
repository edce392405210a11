import * as tf from '@tensorflow/tfjs';
import { type Curvature, innerProduct, Replay } from '../autodiff';
import { NotFiniteError } from '../errors';
import { quoted } from '../options';
import { mapTensors, type NamedTensors, type Scalars, tensors } from '../spaces';
import type { WeightedLosses } from './batches';
import { LastStep } from './last-step';
import { type NamedWeights, wrongState } from './saved-state';
import { type Forms, formOf, formsOf, lastOf, type Sizes } from './step-forms';
import { atHand, onDevice, type StepNumbers } from './step-numbers';
import { leastRatio, REGION_FIELDS, type RegionState, TrustRegion } from './trust-region';
import { type NamedVariables, pick } from './variables';

/** What a step lowers: a share of the loss, and the rest linear, as momentum makes it. */
export interface Objective {
  /** Minus what the step follows at x; sᵀ of it is its slope. */
  pull: NamedTensors;
  /** Ds of the step s and its metric D. Default s, of the identity. */
  weighed?: NamedTensors;
  /** The share of the loss. Default 1. */
  share?: number;
  /** `pull` is as large as this multiple of a gradient of the loss. Default 1. */
  scale?: number;
}

/** A step that was taken, as it is judged. */
export interface Taken {
  variables: NamedVariables;
  stepSize: number;
  loss: tf.Scalar;
  /** The loss before and where the variables are, where programs compute both. */
  lossesTo?: Curvature['lossesTo'];
  gradient: NamedTensors;
  step: NamedTensors;
  objective: Objective;
}

/** What a judgement goes by, besides numbers. */
interface Terms {
  isMeasured: boolean;
  stepSize: number;
  share: number;
  scale: number;
}

/** What is found out of a step. */
interface Findings<S> {
  /** 1 where the step was taken, 0 where it was undone since the loss rose. */
  taken: S;
  /** What {@link SelfTuning.learn} learns from. */
  facts: S[];
}

/** How a step was judged; on a GPU the numbers come later. */
export type Verdict = Terms &
  (({ isLate: false } & Findings<number>) | ({ isLate: true } & Findings<tf.Scalar>));

/** What an optimizer that finds its own rate does around each of its steps. */
export class SelfTuning {
  region: TrustRegion;
  readonly #initial: number;
  readonly #last = new LastStep();
  #replays: Replay[] = [];
  #shares: number[] = [];
  /** What the region was before the step under way. */
  #before: RegionState | undefined;
  /** What is left of the slope, on the device. */
  #left: tf.Scalar | undefined;
  /** The region as a tensor, made before it is asked for: a save leaves nothing behind. */
  #written: { numbers: number[]; tensor?: tf.Tensor } = { numbers: [] };

  constructor(initial: number) {
    this.#initial = initial;
    this.region = new TrustRegion(initial);
  }

  /** The losses of the next step, so that they can be evaluated again if it is to be measured. */
  begin(losses: WeightedLosses): WeightedLosses {
    this.#before = this.region.state;
    const isDue = this.region.isDue;
    this.region.count(isDue);
    if (!isDue) return losses;
    this.#shares = losses.map(({ share }) => share);
    this.#replays = losses.map(() => new Replay());
    return losses.map(({ loss, share }, i) => ({
      loss: () => this.#replays[i]!.record(loss),
      again: loss,
      share,
    }));
  }

  /** Notes the slope along the previous step that the gradient of this batch still has. */
  recordSlope(variables: NamedVariables, gradient: NamedTensors): void {
    const last = this.#last.of(variables);
    if (last === undefined) return;
    if (tensors.readableNow()) this.region.heed(innerProduct(last, gradient));
    else this.#left = tensors.keep(tensors.tidy(() => tensors.dot(last, gradient)));
  }

  /**
   * Moves the variables by `move`, and back where the loss turns out to have risen.
   *
   * @returns what `move` returned, and the verdict
   */
  judge(move: () => tf.Scalar, what: Taken): { sound: tf.Scalar; verdict: Verdict } {
    const { share = 1, scale = 1 } = what.objective;
    const isMeasured = this.#replays.length > 0;
    const terms = { isMeasured, stepSize: what.stepSize, share, scale };
    const old = isMeasured
      ? mapTensors(pick<tf.Tensor>(what.variables, Object.keys(what.step)), (x) => x.clone())
      : undefined;
    try {
      const sound = move();
      if (!tensors.readableNow()) {
        const left = this.#left && (this.#left.clone() as tf.Scalar);
        const found = this.#judged(onDevice, what, terms, old);
        const facts = [...found.facts, ...(left ? [tensors.keep(left)] : [])];
        return { sound, verdict: { ...terms, isLate: true, taken: found.taken, facts } };
      }
      const found = this.#judged(atHand, what, terms, old);
      return { sound, verdict: { ...terms, isLate: false, ...found } };
    } finally {
      tensors.free(old);
    }
  }

  /** Whether the step stays taken, which is remembered if it does, or may. */
  #judged<S extends number | tf.Scalar>(
    numbers: StepNumbers<S>,
    what: Taken,
    { isMeasured, share, scale }: Terms,
    old: NamedTensors | undefined,
  ): Findings<S> {
    const s = numbers.scalars;
    const { variables, stepSize, step, objective } = what;
    const names = Object.keys(step);
    const { taken, facts, last } = tensors.keep(
      tensors.tidy(() => {
        const { pull, weighed = step } = objective;
        const parts = { step, pull: pick(pull, names), weighed: pick(weighed, names) };
        const { forms, sizes } = formsOf(numbers, parts);
        const gain = isMeasured
          ? {
              plain: formOf(numbers, step, pick(what.gradient, names), sizes),
              ...this.#gainOf(numbers, what, sizes),
            }
          : undefined;
        const taken = gain ? fell(s, { ...forms, ...gain }, { share, scale }) : s.of(1);
        if (old) undo(numbers, taken, variables, old);
        const facts = [forms.slope, forms.weighed, ...(gain ? [gain.plain, gain.drop] : [])];
        const last = numbers.where(taken, () =>
          lastOf(numbers, step, forms.slope, { sizes, scale }),
        );
        return { taken, facts, last };
      }),
    );
    if (numbers.hold([taken], (each) => each !== 1)) this.#last.dispose();
    else {
      this.region.move(stepSize);
      this.#last.keep(variables, last);
    }
    return { taken, facts };
  }

  /** Learns from the numbers of a verdict's facts; returns the ratio, where it was measured. */
  learn(verdict: Verdict, numbers: readonly number[]): number | undefined {
    const { isMeasured, stepSize, share, scale } = verdict;
    const left = numbers[isMeasured ? 4 : 2];
    if (left !== undefined) this.region.heed(left);
    // All over δ: only ratios matter.
    const [fall, length, plain, drop] = numbers as Numbers;
    this.region.bend({ fall, length, share });
    // A step of no length, where the gradient is 0, teaches nothing.
    if (!isMeasured || length === 0) return undefined;
    const promised = plain - (fall - length) / (2 * share);
    const gained = (fall + length) / 2 + scale * (drop - promised);
    return this.region.learn({ gained, fall, length, share }, stepSize);
  }

  /** Frees what a step has needed. */
  end(): void {
    for (const replay of this.#replays) replay.dispose();
    tensors.free(this.#left);
    this.#replays = [];
    this.#left = undefined;
  }

  /** Puts δ back to where it was before the step that failed. */
  fail(): void {
    if (this.#before) this.region.restore(this.#before);
  }

  /** The state as weights, which stay this object's and live until the state is another. */
  saved(): NamedWeights {
    const numbers = REGION_FIELDS.map((field) => this.region.state[field]);
    const isOld = this.#written.numbers.some((number, i) => number !== numbers[i]);
    // A caller who restores the state may have freed the one before.
    if (isOld || this.#written.tensor === undefined || this.#written.tensor.isDisposed) {
      tensors.free(this.#written.tensor);
      this.#written = { numbers, tensor: tf.keep(tf.tensor1d(numbers)) };
    }
    return [{ name: REGION, tensor: this.#written.tensor! }, ...this.#last.saved()];
  }

  restore(state: TuningState): void {
    this.region.restore(state.region);
    this.#last.restore(state.steps);
  }

  /** Frees what it keeps, and starts again from the first rate. */
  dispose(): void {
    this.end();
    this.region = new TrustRegion(this.#initial);
    this.#before = undefined;
    this.#last.dispose();
    tensors.free(this.#written.tensor);
    this.#written = { numbers: [] };
  }

  /** `(before − after)/δ` of the losses of a step. */
  #gainOf<S extends number | tf.Scalar>(
    numbers: StepNumbers<S>,
    what: Taken,
    sizes: Sizes<S> | undefined,
  ): Gained<S> {
    const s = numbers.scalars;
    const { before, after } = this.#lossesOf(numbers, what);
    const overStep = (x: S) =>
      sizes === undefined
        ? s.multiply(s.of(1 / what.stepSize), x)
        : s.divide(s.divide(x, sizes.pull), s.multiply(s.of(what.stepSize), sizes.step));
    return {
      drop: overStep(s.subtract(before, after)),
      // Rounding of a loss that no longer changes is not a rise.
      blur: s.multiply(s.of(4 * tensors.epsilon), overStep(numbers.size(before))),
      sound: s.less(numbers.size(after), s.of(3e38)),
    };
  }

  /** The loss before the step and where the variables are, both rounded alike. */
  #lossesOf<S extends number | tf.Scalar>(
    numbers: StepNumbers<S>,
    { variables, loss, lossesTo }: Taken,
  ): { before: S; after: S } {
    const known = lossesTo?.(variables);
    if (known === undefined)
      return { before: numbers.of(loss), after: numbers.of(this.#reached()) };
    const { of } = numbers.scalars;
    return { before: of(known.before), after: of(known.after) };
  }

  /** The loss where the variables are. */
  #reached(): tf.Scalar {
    const [only] = this.#replays as [Replay];
    if (this.#replays.length === 1) return only.value();
    return tf.addN(
      this.#replays.map((replay, i) => tf.mul(this.#shares[i]!, replay.value())),
    ) as tf.Scalar;
  }
}

/** Puts the variables back where they were, unless the step stays taken. */
function undo<S extends number | tf.Scalar>(
  numbers: StepNumbers<S>,
  taken: S,
  variables: NamedVariables,
  old: NamedTensors,
): void {
  if (numbers.hold([taken], (each) => each === 1)) return;
  const next =
    typeof taken === 'number'
      ? old
      : tensors.select(taken, pick<tf.Tensor>(variables, Object.keys(old)), old);
  for (const name of Object.keys(old)) variables[name]!.assign(next[name]!);
}

type Numbers = [slope: number, weighed: number, plain: number, drop: number];

/** What a loss gained over a step, as {@link formOf} has it, with what rounding may have made of it. */
interface Gained<S> {
  drop: S;
  blur: S;
  /** 0 where the loss is not finite at the end. */
  sound: S;
}

/** The mask of whether the objective of the step has fallen by enough: 0 also where the loss is NaN. */
function fell<S>(
  s: Scalars<S>,
  { slope, weighed, plain, drop, blur, sound }: Forms<S> & Gained<S> & { plain: S },
  { share, scale }: Pick<Verdict, 'share' | 'scale'>,
): S {
  const times = (a: number, x: S) => s.multiply(s.of(a), x);
  // All over δ, as in `learn`.
  const promised = s.subtract(plain, times(0.5 / share, s.subtract(slope, weighed)));
  const half = times(0.5, s.add(slope, weighed));
  const gained = s.add(half, times(scale, s.subtract(drop, promised)));
  const isNewton = s.less(times(1 + leastRatio.CURVED, weighed), slope);
  const least = s.select(isNewton, s.of(leastRatio.newton), s.of(leastRatio.plain));
  const asked = s.multiply(least, half);
  return s.and(sound, s.less(asked, s.add(gained, s.add(times(scale, blur), s.of(1e-38)))));
}

/** The name of the region among saved weights. */
const REGION = 'region';

/** A saved state of an optimizer that finds its own rate. */
interface TuningState {
  region: RegionState;
  /** Held by the caller. */
  steps: NamedWeights;
}

/** Weights apart: those of any optimizer, and those of one that finds its own rate. */
export function apart(weights: NamedWeights): { plain: NamedWeights; tuning: NamedWeights } {
  if (!Array.isArray(weights)) return { plain: weights, tuning: [] };
  const at = weights.findIndex((entry) => entry?.name === REGION);
  if (at < 0) return { plain: weights, tuning: [] };
  return { plain: weights.slice(0, at), tuning: weights.slice(at) };
}

/**
 * Reads what {@link SelfTuning.saved} saved, by copies.
 *
 * @throws InputError or NotFiniteError for anything else.
 */
export async function tuningFrom(weights: NamedWeights): Promise<TuningState> {
  const sound = weights.every(
    (entry) => entry?.tensor instanceof tf.Tensor && !entry.tensor.isDisposed,
  );
  if (weights.length === 0 || !sound) throw wrongState('weights without the trust region of δ');
  const [region, ...steps] = weights as [NamedWeights[number], ...NamedWeights];
  for (const each of steps) await checkStep(each);
  const numbers = [...(await region.tensor.data())];
  const copies = steps.map(({ name, tensor }) => ({ name, tensor: tf.keep(tensor.clone()) }));
  // Saved before there was a unit, which was 1.
  if (numbers.length === REGION_FIELDS.length - 1) numbers.push(1);
  if (
    numbers.length === REGION_FIELDS.length &&
    numbers.every(Number.isFinite) &&
    numbers[0]! > 0 &&
    numbers.at(-1)! > 0
  ) {
    const state = Object.fromEntries(REGION_FIELDS.map((field, i) => [field, numbers[i]!]));
    return { region: state as Record<keyof RegionState, number>, steps: copies };
  }
  tf.dispose(copies.map(({ tensor }) => tensor));
  throw wrongState(`the trust region [${numbers}]`);
}

/** Checks a part of the last step among saved weights. */
async function checkStep({ name, tensor }: NamedWeights[number]): Promise<void> {
  if (typeof name !== 'string' || !name.endsWith('/step') || tensor.dtype !== 'float32') {
    throw wrongState(`${quoted(name)} (${tensor.dtype}) after the trust region of δ`);
  }
  if ((await tensor.data()).every(Number.isFinite)) return;
  throw new NotFiniteError({
    given: `the saved '${name}', which is not finite`,
    expected: 'finite numbers',
    remedy: 'Look at how the state was saved.',
  });
}
