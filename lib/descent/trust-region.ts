import { cg, type LinearSolver } from '../solvers';

/** What is known of a step once the loss has been evaluated where it leads. */
export interface Gain {
  /** What the objective of the step fell by; NaN or −∞ where the loss is not finite there. */
  gained: number;
  /** a: the decrease if the loss were linear. */
  fall: number;
  /** ℓ: `‖x⁺ − x‖² / δ`, in the metric of the step. */
  length: number;
  /** The share of the loss in the objective, whose other part has no curvature. Default 1. */
  share?: number;
}

/** What a trust region goes on from: float32 numbers, so that a tensor can hold them. */
export interface RegionState {
  /** δ of the next step. */
  delta: number;
  /** Of the next solve. */
  tolerance: number;
  /** Average of the remaining slope. */
  left: number;
  /** The last ratio. */
  ratio: number;
  /** δ/δ̂ of the last step, by the curvature of the loss alone. */
  curved: number;
  /** Steps until the next one is measured. */
  wait: number;
  /** Measurements that may be made. */
  credit: number;
  /** δ of the last step that was taken; 0 before there was one. */
  moved: number;
  /** The δ that was given, which says what is large. */
  unit: number;
}

export const REGION_FIELDS = [
  'delta',
  'tolerance',
  'left',
  'ratio',
  'curved',
  'wait',
  'credit',
  'moved',
  'unit',
] as const;

/** Of the δ that was given: how far it may fall and rise. */
const [LEAST, LARGEST] = [1e-12, 1e12];
/** Beyond these float32 holds no step. */
const HELD = [1e-37, 1e37] as const;
/** Ratios from which on a step was not a failure, δ stays, and δ rises; the last but one where slope is left. */
const [POOR, FAIR, GOOD_WITH_SLOPE, GOOD] = [0.25, 0.5, 0.7, 0.9];
/** What is left of the slope where a step was too long, and too short. */
const [TOO_FAR, TOO_NEAR] = [-0.2, 0.2];
/** Of the tolerance of a solve. */
const [TIGHTEST, LOOSEST] = [0.03, 0.3];
/**
 * One step in this many is measured once δ has been found, and as many as this more while it is not;
 * with more than `BEGINNING` of these left every step is.
 */
const [EVERY, CREDIT, BEGINNING] = [4, 8, 3];
const ITERATIONS = 10;
/** A rate of Adam is about what each weight moves by: at less than this nothing is to be seen yet. */
const SMALL = 0.03;
/**
 * How δ rises: from which slope left on at all, by how much the more of it is left, and to which
 * multiple of δ̂ it leaps, the larger one where the model was right; with momentum what is too far
 * shows later. From a factor of `watchful` on the next step is measured.
 */
const [WITHOUT, WITH_MOMENTUM] = [
  { enough: -0.1, least: 2, more: 8, leap: 1, far: 2, watchful: 1.3 },
  { enough: 0, least: 1.4, more: 4, leap: 0.2, far: 0.2, watchful: 3 },
];
/** How close to 1 the ratio of a model is that was right. */
const RIGHT = 0.1;
/** `δ/δ̂` beyond which δ makes no difference, and would not come back soon. */
const LOOSE = 100;
/** Where `δ/δ̂` is below this the step is one of gradient descent yet; where it is above, of Newton's. */
const [STRAIGHT, CURVED] = [0.5, 3];
/** What is left of the length of a step after one that went too far, and the most that δ falls by. */
const [SHORTER, LEAST_FALL] = [0.8, 0.5];

/** The least ratio of a step that is taken; more is asked of one of Newton's, whose length δ hardly bounds. */
export const leastRatio = { CURVED, plain: 0, newton: FAIR };

/**
 * The rate δ of an implicit step as a trust region, that needs no tuning.
 *
 * The step `Δ = −δs` with `(I + δC)s = g` minimises the model `gᵀΔ + ½ΔᵀCΔ` over a ball whose radius
 * grows with δ. With `a = δgᵀs` and `ℓ = δ‖s‖²` the model promises that the loss falls by `(a + ℓ)/2`;
 * so it does where conjugate gradients were cut off, since their residual is orthogonal to s. Two
 * things are asked of a step.
 *
 * - **The ratio** ρ of the decrease of the loss on the same batch to the predicted decrease: whether the model
 *   holds that far. Below ½ the next step is shorter, above 0.9 it may be longer, and a step with
 *   ρ ≤ 0 is not taken, nor one with ρ < ½ and δ > 3 δ̂: where the model is that wrong about a step
 *   that δ hardly shortens, it would leave the weights where later steps get on slowly. By Hebden's
 *   rule the length goes like `δ/(1 + δ/δ̂)` with `δ̂ = ‖s‖²/sᵀCs` and `δ/δ̂ = (a − ℓ)/ℓ`, so δ goes to
 *   δ̂ at once from where a step is still one of gradient descent, or no longer depends on δ.
 * - **The slope that is left**, `sᵀg⁺ / sᵀg` with the gradient g⁺ of the next batch, at no cost. The
 *   ratio is biased: s was made of the noise of the very batch that it is judged by. The next batch
 *   had no part in s, so its slope is an unbiased one of the loss itself; where it is negative,
 *   the step went beyond the minimum along itself. Where it averages less than −0.2, δ falls, so that
 *   the next step is a fifth shorter.
 *
 * @see Moré, [The Levenberg–Marquardt algorithm: implementation and
 *   theory](https://doi.org/10.1007/BFb0067700), 1978; Martens, [Deep learning via Hessian-free
 *   optimization](https://icml.cc/Conferences/2010/papers/458.pdf), 2010, §4.1; Eisenstat & Walker,
 *   [Choosing the forcing terms in an inexact Newton method](https://doi.org/10.1137/0917003), 1996.
 *   The slope that is left is that of Baydin et al., [Online learning rate adaptation with
 *   hypergradient descent](https://arxiv.org/abs/1703.04782), 2018, with the implicit step.
 */
export class TrustRegion {
  #state: RegionState;
  #solver: { tolerance: number; by: LinearSolver } | undefined;

  constructor(initial: number) {
    this.#state = begun(initial);
  }

  get delta(): number {
    return this.#state.delta;
  }

  /** δ from here on; it is looked for again. */
  set delta(delta: number) {
    this.#state = { ...begun(delta), moved: this.#state.moved };
  }

  /**
   * What a momentum is to be multiplied by before the next step: `δ_old / δ` where δ has risen, else 1.
   *
   * A momentum m moves by δm. What it is to carry on is the last displacement, as in
   * `x⁺ = x − δg + β(x − x_old)`; otherwise, where δ rises tenfold, so does what the steps before have
   * left, and goes far beyond what any model of the loss was asked about.
   */
  get carried(): number {
    const { delta, moved } = this.#state;
    return moved > 0 ? Math.min(1, moved / delta) : 1;
  }

  /** Takes note of the δ of a step that was taken. */
  move(stepSize: number): void {
    this.#note({ moved: stepSize });
  }

  /** Whether the next step is to be measured. */
  get isDue(): boolean {
    return this.#state.wait <= 0 && this.#state.credit >= 1;
  }

  /** As exact as the last model was right: of a model that is wrong no better solution is wanted. */
  get solver(): LinearSolver {
    const { tolerance } = this.#state;
    if (this.#solver?.tolerance !== tolerance) {
      const by = cg({ tolerance, maxIterations: ITERATIONS, best: 'energy' });
      this.#solver = { tolerance, by };
    }
    return this.#solver!.by;
  }

  get state(): RegionState {
    return { ...this.#state };
  }

  restore(state: RegionState): void {
    this.#state = { ...state };
  }

  /** Takes note of a step begun: one more that is not measured, or one that is paid for. */
  count(isMeasured: boolean): void {
    const { wait, credit } = this.#state;
    this.#note({ wait: wait - 1, credit: credit + 1 / EVERY - (isMeasured ? 1 : 0) });
  }

  /** Takes note of `sᵀg⁺ / sᵀg`, what the next batch has left of the slope of the last step. */
  heed(share: number): void {
    if (!Number.isFinite(share)) return;
    const left = (this.#state.left + Math.max(-1, Math.min(1, share))) / 2;
    this.#note({ left });
    // On average it is no less than −(δ/δ̂)/(1 + δ/δ̂): for a straight step that is noise.
    const { curved } = this.#state;
    if (left < TOO_FAR && curved > STRAIGHT) {
      const fall = Math.max(LEAST_FALL, shortened(SHORTER, curved));
      this.#note({ delta: this.#state.delta * fall, left: left / 1.5 });
    }
    if (left > TOO_NEAR || share < -0.5) this.#note({ wait: 0 });
    // Twice as far as the minimum along the step: the next one is measured, paid for or not.
    if (share < -1) this.#note({ credit: Math.max(1, this.#state.credit) });
  }

  /** Takes note of a and ℓ of a step that was taken, measured or not. */
  bend({ fall, length, share = 1 }: Omit<Gain, 'gained'>): void {
    const curved = (fall - length) / (length * share);
    if (Number.isFinite(curved)) this.#note({ curved: Math.max(0, curved) });
  }

  /** Takes note of what a step of this δ has gained; returns the ratio. */
  learn(gain: Gain, stepSize = this.#state.delta): number {
    const ratio = gain.gained / ((gain.fall + gain.length) / 2);
    const { watchful } = growth(gain.share);
    const { credit } = this.#state;
    const factor = this.#factor(gain, ratio, stepSize);
    // NaN is as bad as can be.
    const off = Number.isFinite(ratio) ? Math.abs(1 - ratio) : 1;
    this.#note({
      delta: stepSize * factor,
      ratio: Number.isFinite(ratio) ? ratio : -1e30,
      tolerance: Math.min(LOOSEST, Math.max(TIGHTEST, off)),
      wait: factor > watchful || !(ratio >= FAIR) || credit > BEGINNING ? 0 : EVERY - 1,
      // A leap is always looked at.
      credit: Math.max(credit, factor > 2 || !(ratio >= POOR) ? 1 : 0),
    });
    return ratio;
  }

  /** What δ is multiplied by. */
  #factor(
    { gained, fall, length, share: part = 1 }: Gain,
    ratio: number,
    stepSize: number,
  ): number {
    const { left } = this.#state;
    /** δ/δ̂. */
    const curved = Math.max((fall - length) / length, 1e-12);
    if (ratio > (left > TOO_NEAR ? GOOD_WITH_SLOPE : GOOD)) {
      const { enough, least, more, leap, far } = growth(part);
      if (left < enough) return 1;
      const up = Math.max(least, 1.4 + more * (left - 0.3), part < 1 ? SMALL / stepSize : 0);
      // By the curvature of the loss alone.
      const reach = (Math.abs(1 - ratio) < RIGHT ? far : leap) * part;
      if (curved < STRAIGHT * part) return Math.max(up, Math.min(1e4, reach / curved));
      return left > TOO_NEAR ? up : 1.4;
    }
    if (ratio >= FAIR) return Math.min(1, (LOOSE * part) / curved);
    // The minimum of the parabola through both losses with the slope at the first.
    const best = Number.isFinite(gained) ? fall / (2 * (fall - gained)) : 0;
    const shorter = Math.min(ratio >= POOR ? 0.75 : 0.5, Math.max(0.1, best));
    return Math.min(shorter, Math.max(1e-8, shortened(shorter, curved)));
  }

  #note(change: Partial<RegionState>): void {
    const next = { ...this.#state, ...change };
    for (const field of REGION_FIELDS) {
      const value = Math.fround(next[field]);
      // A NaN teaches nothing.
      next[field] = Number.isFinite(value) ? value : this.#state[field];
    }
    const { unit } = next;
    next.delta = bounded(Math.min(LARGEST * unit, Math.max(LEAST * unit, next.delta)));
    this.#state = next;
  }
}

/** What δ is multiplied by so that the length, which goes like `δ/(1 + δ/δ̂)`, is multiplied by `part`. */
const shortened = (part: number, curved: number) => part / (1 + (1 - part) * curved);

const growth = (share = 1) => (share < 1 ? WITH_MOMENTUM : WITHOUT);

const bounded = (delta: number) => Math.fround(Math.min(HELD[1], Math.max(HELD[0], delta)));

const begun = (initial: number): RegionState => ({
  delta: bounded(initial),
  tolerance: Math.fround(0.1),
  left: 0,
  ratio: 1,
  curved: 0,
  wait: 0,
  credit: CREDIT,
  moved: 0,
  unit: bounded(initial),
});
