import type { Flat } from '../autodiff';
import { withPauses } from '../event-loop';
import { random } from '../numbers';
import {
  type FlatProblem,
  flatProblem,
  knownFlatProblem,
  type LossProblem,
  traceLosses,
  type UnrolledProblem,
} from '../problems';
import { supportsInnerProduct } from '../solvers';
import type { NamedTensors, Vector } from '../spaces';
import { differentiateIn, hessianOf } from './differentiate-in';
import { differentiatePrepared } from './differentiate-prepared';
import type { Count } from './evaluation';
import type { DifferentiateOptions, ImplicitDerivative, ImplicitOptions } from './implicit-options';
import { solveIn, solveOptions } from './solve-in';
import { flatZerosOf } from './zero-parts';

/** A derivative to be taken, with the count of its products. */
interface Asked<V extends Vector> {
  settings: Required<ImplicitOptions>;
  problem: UnrolledProblem<V>;
  w: V;
  λ: V;
  options: DifferentiateOptions<V>;
  count: Count;
}

/**
 * The same on flat vectors where their programs are known: w, λ and the start are copied, or not looked
 * at, before this returns.
 */
export function differentiateKnown<V extends Vector>(
  asked: Asked<V>,
): Promise<ImplicitDerivative<V>> | undefined {
  const given = onTensors(asked);
  const { settings, options, count } = asked;
  const { flat } = options;
  if (given === undefined) return undefined;
  const [problem, w, λ] = given;
  const tensors = options as DifferentiateOptions<NamedTensors>;
  const prepared = differentiatePrepared({ settings, problem, w, λ, options: tensors, count });
  // V are named tensors here.
  if (prepared !== undefined)
    return prepared as Promise<ImplicitDerivative<Vector>> as Promise<ImplicitDerivative<V>>;
  if (flat !== undefined) return differentiateOn(flat, asked);
  const setting = knownFlatProblem(...given, KIND);
  return setting && differentiateOn(setting, asked).finally(() => setting.dispose());
}

/** The same on flat vectors: where the problem has programs, and the solver asks for nothing else. */
export async function differentiateFlat<V extends Vector>(
  asked: Asked<V>,
): Promise<ImplicitDerivative<V> | undefined> {
  const given = onTensors(asked);
  if (given === undefined) return undefined;
  await withPauses(traceLosses(...given));
  const setting = flatProblem(...given, KIND);
  return setting && differentiateOn(setting, asked).finally(() => setting.dispose());
}

/** The product that is needed most. */
const KIND = 'pull to the varied';

/** The problem and its vectors, where they are tensors and nothing but flat vectors will do. */
function onTensors<V extends Vector>({ settings, problem, w, λ, options }: Asked<V>) {
  const { solver, curvature } = settings;
  const isPlain =
    curvature === 'hessian' && options.factors === undefined && supportsInnerProduct(solver);
  if (w instanceof Float64Array || !isPlain) return undefined;
  return [problem as LossProblem, w as NamedTensors, λ as NamedTensors] as const;
}

async function differentiateOn<V extends Vector>(
  setting: FlatProblem,
  { settings, options: { start }, count }: Asked<V>,
): Promise<ImplicitDerivative<V>> {
  const { solver, diagnose } = settings;
  const { space } = setting;
  const { inPieces } = setting.form;
  const { linearizeLater, linearizeLaterInPieces: later } = setting;
  // A gradient that is not read is not computed; a long one gives timers their turn.
  const form = {
    ...setting.form,
    linearize: linearizeLater,
    ...(inPieces && later && !diagnose && { inPieces: { ...inPieces, linearize: later } }),
  };
  let flatStart: Flat | undefined;
  try {
    if (start !== undefined) {
      flatStart = space.keep(space.from(start as NamedTensors, setting.w.layout));
    }
    const found = await differentiateIn<Flat>(settings, count, {
      space,
      form,
      w: setting.w,
      λ: setting.λ,
      curvature: async (derivative) => hessianOf(space, derivative, setting.w)!,
      solve: (A, b) =>
        solveIn(solver, { ...A, space }, b, solveOptions(solver, diagnose, flatStart)),
      zerosOf: async (xs) => flatZerosOf(space, xs),
      probe() {
        const x = space.allocate(setting.w.layout);
        space.numbers(x).set(random(1).normals(x.layout.size));
        return x;
      },
      execution: 'compiled',
    });
    const { value, adjoint, ...rest } = found;
    const inTensors = { value: space.toTensors(value), adjoint: space.toTensors(adjoint) };
    space.free([value, adjoint]);
    // V are named tensors here.
    return { ...inTensors, ...rest } as ImplicitDerivative<Vector> as ImplicitDerivative<V>;
  } finally {
    space.free(flatStart);
  }
}
