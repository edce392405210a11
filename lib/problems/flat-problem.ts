import type * as tf from '@tensorflow/tfjs';
import {
  type Flat,
  type FlatLoss,
  type FlatSpace,
  flatLossOf,
  knownFlatLoss,
  Layout,
  type ProductKind,
  rememberedOf,
  traceLoss,
} from '../autodiff';
import type { Pausing, Portions } from '../event-loop';
import { type Arithmetic, flatArithmetic, type Iteration, type State } from '../methods';
import { type NamedTensors, tensors } from '../spaces';
import { descend, type RecordedStretch, recordStretch, type Stretch } from './flat-descent';
import { formOf } from './form';
import type { Form, GradientDerivative, OuterGradients } from './form-types';
import { join, split } from './pair';
import type { LossProblem } from './problem';

/** A bilevel problem on vectors in the backend's memory: its algorithms make no tensors. */
export interface FlatProblem {
  space: FlatSpace;
  arithmetic: Arithmetic<Flat>;
  form: Omit<Form<Flat>, 'curvature'>;
  /** A derivative whose gradient is computed where it is asked for, and throws there. */
  linearizeLater(w: Flat): GradientDerivative<Flat>;
  /** The same to be left for a while, where it takes long. */
  linearizeLaterInPieces?(w: Flat): Pausing<GradientDerivative<Flat>>;
  /** Whether a loss takes so long that timers should have a turn within it, which steps in one call do not give. */
  readonly isLong: boolean;
  /** Copies of the tensors that were given; w is where the losses are remembered. */
  w: Flat;
  λ: Flat;
  /** Moves w to where another vector is. */
  moveTo(x: Flat): void;
  /** How many steps fit into a turn of the event loop, remembered with the loss. */
  readonly portions: Portions;
  innerLoss(w: Flat): number;
  /**
   * Takes steps of an iteration in one call, on a state that is changed in place.
   *
   * @returns how many: fewer than asked for, or none, where the next one has to be taken by itself
   */
  descend(iteration: Iteration, state: State<Flat>, stretch: Stretch): number;
  /**
   * Takes steps of an iteration in one call that can be walked back in one; the state is left as it is.
   *
   * @returns undefined where the next step has to be taken by itself
   */
  recordMany(
    iteration: Iteration,
    state: State<Flat>,
    stretch: Omit<Stretch, 'enough'>,
  ): RecordedStretch | undefined;
  /** Makes the programs of steps or of both losses at w, to be left for a while, where they are not made yet. */
  prepare(use: 'descend' | 'record' | 'losses'): Pausing<void>;
  /** Undefined where the outer loss has no program. */
  outerLoss: ((w: Flat) => number) | undefined;
  /** Takes over what the losses at w are, where they were computed elsewhere. */
  noteInner(loss: number): void;
  noteOuter(loss: number): void;
  dispose(): void;
}

/**
 * A problem whose inner loss `compiled` has declared, on flat vectors.
 *
 * @param kind of the product with the derivative of an inner gradient that is needed most
 * @returns undefined for any other, and where programs cannot run
 * @throws NotFiniteError for an inner loss that is NaN or infinite.
 */
export function flatProblem(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  kind: ProductKind,
): FlatProblem | undefined {
  const known = rememberedOf(problem.inner);
  const inner = known && flatLossOf(innerLossOf(problem), w, λ, known, 'products');
  if (inner === undefined) return undefined;
  const outer = outerLossOf(problem, w, λ);
  return new LossesOnFlat(problem, { w, λ, kind }, inner, outer).problem();
}

/**
 * The same where the programs of both losses are known already: no loss is called, and w and λ, which
 * are copied, may be freed afterwards.
 */
export function knownFlatProblem(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  kind: ProductKind,
): FlatProblem | undefined {
  const known = { inner: rememberedOf(problem.inner), outer: rememberedOf(problem.outer) };
  if (known.inner === undefined || known.outer === undefined) return undefined;
  const outer = knownFlatLoss(join(w, λ), {}, known.outer, 'gradient');
  if (outer === undefined) return undefined;
  const inner = knownFlatLoss(w, λ, known.inner, 'products');
  if (inner !== undefined) return new LossesOnFlat(problem, { w, λ, kind }, inner, outer).problem();
  outer.dispose();
  return undefined;
}

/** The two losses of a problem on flat vectors, and what they were at w. */
class LossesOnFlat {
  readonly #problem: LossProblem;
  readonly #λ: NamedTensors;
  readonly #kind: ProductKind;
  readonly #inner: FlatLoss;
  readonly #outer: FlatLoss | undefined;
  readonly #layouts: { w: Layout; λ: Layout };
  readonly #flatW: Flat;
  readonly #flatλ: Flat;
  /** The losses at w. */
  #seen: { inner?: number; outer?: number } = {};

  constructor(
    problem: LossProblem,
    { w, λ, kind }: { w: NamedTensors; λ: NamedTensors; kind: ProductKind },
    inner: FlatLoss,
    outer: FlatLoss | undefined,
  ) {
    const { space } = inner;
    this.#problem = problem;
    this.#λ = λ;
    this.#kind = kind;
    this.#inner = inner;
    this.#outer = outer;
    this.#layouts = { w: new Layout(w), λ: new Layout(λ) };
    [this.#flatW, this.#flatλ] = space.keep([
      space.from(w, this.#layouts.w),
      space.from(λ, this.#layouts.λ),
    ]) as [Flat, Flat];
  }

  problem(): FlatProblem {
    const [inner, outer, w, λ] = [this.#inner, this.#outer, this.#flatW, this.#flatλ];
    const { space } = inner;
    return {
      space,
      arithmetic: flatArithmetic(space),
      form: this.#form(),
      linearizeLater: (x) => this.#linearize(x),
      ...(inner.isLong && {
        linearizeLaterInPieces: (x: Flat) => this.#linearizeInPieces(x, false),
      }),
      isLong: inner.isLong || outer?.isLong === true,
      w,
      λ,
      descend: (iteration, state, stretch) => descend(inner, λ, iteration, state, stretch),
      recordMany: (iteration, state, stretch) => recordStretch(inner, λ, iteration, state, stretch),
      moveTo: (x) => {
        space.move(x.address, w.address, w.layout.size);
        this.#seen = {};
      },
      prepare: (use) => this.#prepare(use),
      portions: inner.portions.steps,
      innerLoss: (x) => (x === w && this.#seen.inner) || inner.value(x, λ),
      outerLoss: outer && ((x) => (x === w && this.#seen.outer) || outer.value(x, λ)),
      noteInner: (loss) => {
        this.#seen.inner = loss;
      },
      noteOuter: (loss) => {
        this.#seen.outer = loss;
      },
      dispose() {
        space.free([w, λ]);
        inner.dispose();
        outer?.dispose();
      },
    };
  }

  #form(): FlatProblem['form'] {
    const [inner, outer, λ] = [this.#inner, this.#outer, this.#flatλ];
    return {
      gradient: (x) => inner.gradient(x, λ),
      linearize: (x) => evaluated(this.#linearize(x)),
      outer: (x) =>
        outer === undefined ? this.#outerByTensors(x) : this.#outerByProgram(outer, x),
      // Also where a program is to be made, which takes longer than the gradients.
      ...((outer?.isLong || !outer?.has('value and gradient')) && {
        outerInPieces: (x: Flat) =>
          outer === undefined
            ? this.#outerByTensorsInPieces(x)
            : this.#outerByProgramInPieces(outer, x),
      }),
      ...((inner.isLong || !inner.has(`linearized ${this.#kind}`)) && {
        inPieces: {
          gradient: (x: Flat) => inner.gradientInPieces(x, λ),
          linearize: (x: Flat) => this.#linearizeInPieces(x, true),
        },
      }),
    };
  }

  *#prepare(use: 'descend' | 'record' | 'losses'): Pausing<void> {
    if (use !== 'losses') yield* this.#inner.prepare(use);
    else {
      if (!this.#seen.inner) yield* this.#inner.prepare('value');
      if (!this.#seen.outer) yield* this.#outer?.prepare('value') ?? [];
    }
  }

  #linearize(x: Flat) {
    return this.#inner.linearize(x, this.#flatλ, this.#kind, this.#noting(x));
  }

  #linearizeInPieces(x: Flat, needsValue: boolean) {
    const noted = this.#noting(x);
    return this.#inner.linearizeInPieces(x, this.#flatλ, this.#kind, { needsValue, noted });
  }

  #noting(x: Flat) {
    return (loss: number) => {
      if (x === this.#flatW) this.#seen.inner = loss;
    };
  }

  #outerByProgram(loss: FlatLoss, x: Flat): OuterGradients<Flat> {
    const { loss: value, w: dw, λ: dλ } = loss.gradients(x, this.#flatλ);
    if (x === this.#flatW) this.#seen.outer = value;
    return { dw, dλ };
  }

  *#outerByProgramInPieces(loss: FlatLoss, x: Flat): Pausing<OuterGradients<Flat>> {
    const { loss: value, w: dw, λ: dλ } = yield* loss.gradientsInPieces(x, this.#flatλ);
    if (x === this.#flatW) this.#seen.outer = value;
    return { dw, dλ };
  }

  #outerByTensors(x: Flat): OuterGradients<Flat> {
    const at = this.#inner.space.toTensors(x);
    try {
      return this.#inFlat(formOf<NamedTensors>(this.#problem, this.#λ).outer(at));
    } finally {
      tensors.free(at);
    }
  }

  *#outerByTensorsInPieces(x: Flat): Pausing<OuterGradients<Flat>> {
    const { space } = this.#inner;
    const at = tensors.keep(space.toTensors(x));
    const { outer, outerInPieces } = formOf<NamedTensors>(this.#problem, this.#λ);
    try {
      return space.keep(this.#inFlat(outerInPieces ? yield* outerInPieces(at) : outer(at)));
    } finally {
      tensors.free(at);
    }
  }

  #inFlat({ dw, dλ, auxiliary }: OuterGradients<NamedTensors>): OuterGradients<Flat> {
    const { space } = this.#inner;
    const flat = { dw: space.from(dw, this.#layouts.w), dλ: space.from(dλ, this.#layouts.λ) };
    tensors.free([dw, dλ]);
    return auxiliary === undefined ? flat : { ...flat, auxiliary };
  }
}

/** A derivative, disposed where its gradient cannot be computed. */
function evaluated(derivative: GradientDerivative<Flat>): GradientDerivative<Flat> {
  try {
    void derivative.value;
    return derivative;
  } catch (error) {
    derivative.dispose();
    throw error;
  }
}

function outerLossOf(problem: LossProblem, w: NamedTensors, λ: NamedTensors): FlatLoss | undefined {
  const known = rememberedOf(problem.outer);
  if (known === undefined) return undefined;
  return flatLossOf(joinedOuterOf(problem), join(w, λ), {}, known, 'gradient');
}

/** Evaluates losses that are not known yet with pauses, so that `flatProblem` need not at once. */
export function* traceLosses(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
): Pausing<void> {
  const [inner, outer] = [rememberedOf(problem.inner), rememberedOf(problem.outer)];
  if (inner === undefined) return;
  yield* traceLoss(innerLossOf(problem), w, λ, inner, 'products');
  yield;
  if (outer === undefined) return;
  yield* traceLoss(joinedOuterOf(problem), join(w, λ), {}, outer, 'gradient');
}

const innerLossOf = (problem: LossProblem) => (w: NamedTensors, λ: NamedTensors) =>
  problem.inner(w, λ, 1);

const joinedOuterOf =
  (problem: LossProblem) =>
  (both: NamedTensors): tf.Scalar => {
    const parts = split(both);
    return problem.outer(parts.w, parts.λ);
  };
