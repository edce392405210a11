import type * as tf from '@tensorflow/tfjs';
import {
  type Flat,
  type FlatLoss,
  type FlatSpace,
  flatLossOf,
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
  /** Undefined where the outer loss has no program. */
  outerLoss: ((w: Flat) => number) | undefined;
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
  const inner = known && flatLossOf(innerLossOf(problem), w, λ, known);
  if (inner === undefined) return undefined;
  const { space } = inner;
  const outer = outerLossOf(problem, w, λ);
  const layouts = { w: new Layout(w), λ: new Layout(λ) };
  const [flatW, flatλ] = space.keep([space.from(w, layouts.w), space.from(λ, layouts.λ)]) as [
    Flat,
    Flat,
  ];
  /** The losses at w. */
  let seen: { inner?: number; outer?: number } = {};
  const noting = (x: Flat) => (loss: number) => {
    if (x === flatW) seen.inner = loss;
  };
  const linearizeLater = (x: Flat) => inner.linearize(x, flatλ, kind, noting(x));
  const inPieces = (x: Flat, needsValue: boolean) =>
    inner.linearizeInPieces(x, flatλ, kind, { needsValue, noted: noting(x) });
  const inFlat = ({ dw, dλ, auxiliary }: OuterGradients<NamedTensors>): OuterGradients<Flat> => {
    const flat = { dw: space.from(dw, layouts.w), dλ: space.from(dλ, layouts.λ) };
    tensors.free([dw, dλ]);
    return auxiliary === undefined ? flat : { ...flat, auxiliary };
  };
  const outerByTensors = (x: Flat): OuterGradients<Flat> => {
    const at = space.toTensors(x);
    try {
      return inFlat(formOf<NamedTensors>(problem, λ).outer(at));
    } finally {
      tensors.free(at);
    }
  };
  function* outerByTensorsInPieces(x: Flat): Pausing<OuterGradients<Flat>> {
    const at = tensors.keep(space.toTensors(x));
    const { outer, outerInPieces } = formOf<NamedTensors>(problem, λ);
    try {
      return space.keep(inFlat(outerInPieces ? yield* outerInPieces(at) : outer(at)));
    } finally {
      tensors.free(at);
    }
  }
  function* outerOfProgram(loss: FlatLoss, x: Flat): Pausing<OuterGradients<Flat>> {
    const { loss: value, w: dw, λ: dλ } = yield* loss.gradientsInPieces(x, flatλ);
    if (x === flatW) seen.outer = value;
    return { dw, dλ };
  }
  return {
    space,
    arithmetic: flatArithmetic(space),
    form: {
      gradient: (x) => inner.gradient(x, flatλ),
      linearize(x) {
        const derivative = linearizeLater(x);
        try {
          void derivative.value;
          return derivative;
        } catch (error) {
          derivative.dispose();
          throw error;
        }
      },
      outer(x) {
        if (outer === undefined) return outerByTensors(x);
        const { loss, w: dw, λ: dλ } = outer.gradients(x, flatλ);
        if (x === flatW) seen.outer = loss;
        return { dw, dλ };
      },
      ...((outer ?? inner).isLong && {
        outerInPieces: (x: Flat) =>
          outer === undefined ? outerByTensorsInPieces(x) : outerOfProgram(outer, x),
      }),
      ...(inner.isLong && {
        inPieces: {
          gradient: (x: Flat) => inner.gradientInPieces(x, flatλ),
          linearize: (x: Flat) => inPieces(x, true),
        },
      }),
    },
    linearizeLater,
    ...(inner.isLong && { linearizeLaterInPieces: (x: Flat) => inPieces(x, false) }),
    isLong: inner.isLong || outer?.isLong === true,
    w: flatW,
    λ: flatλ,
    descend: (iteration, state, stretch) => descend(inner, flatλ, iteration, state, stretch),
    recordMany: (iteration, state, stretch) =>
      recordStretch(inner, flatλ, iteration, state, stretch),
    moveTo(x) {
      space.move(x.address, flatW.address, flatW.layout.size);
      seen = {};
    },
    portions: inner.portions.steps,
    innerLoss: (x) => (x === flatW && seen.inner) || inner.value(x, flatλ),
    outerLoss: outer && ((x) => (x === flatW && seen.outer) || outer.value(x, flatλ)),
    dispose() {
      space.free([flatW, flatλ]);
      inner.dispose();
      outer?.dispose();
    },
  };
}

function outerLossOf(problem: LossProblem, w: NamedTensors, λ: NamedTensors): FlatLoss | undefined {
  const known = rememberedOf(problem.outer);
  if (known === undefined) return undefined;
  return flatLossOf(joinedOuterOf(problem), join(w, λ), {}, known);
}

/** Evaluates losses that are not known yet with pauses, so that `flatProblem` need not at once. */
export function* traceLosses(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
): Pausing<void> {
  const [inner, outer] = [rememberedOf(problem.inner), rememberedOf(problem.outer)];
  if (inner === undefined) return;
  yield* traceLoss(innerLossOf(problem), w, λ, inner);
  yield;
  if (outer !== undefined) yield* traceLoss(joinedOuterOf(problem), join(w, λ), {}, outer);
}

const innerLossOf = (problem: LossProblem) => (w: NamedTensors, λ: NamedTensors) =>
  problem.inner(w, λ, 1);

const joinedOuterOf =
  (problem: LossProblem) =>
  (both: NamedTensors): tf.Scalar => {
    const parts = split(both);
    return problem.outer(parts.w, parts.λ);
  };
