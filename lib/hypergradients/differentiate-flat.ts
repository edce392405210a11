import type { Flat } from '../autodiff';
import { withPauses } from '../event-loop';
import { random } from '../numbers';
import { flatProblem, type LossProblem, traceLosses, type UnrolledProblem } from '../problems';
import { supportsInnerProduct } from '../solvers';
import type { NamedTensors, Vector } from '../spaces';
import { differentiateIn, hessianOf } from './differentiate-in';
import type { Count } from './evaluation';
import type { DifferentiateOptions, ImplicitDerivative, ImplicitOptions } from './implicit-options';
import { solveIn, solveOptions } from './solve-in';
import { flatZerosOf } from './zero-parts';

/** The same on flat vectors: where the problem has programs, and the solver asks for nothing else. */
export async function differentiateFlat<V extends Vector>(
  settings: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  { start, factors, flat }: DifferentiateOptions<V>,
  count: Count,
): Promise<ImplicitDerivative<V> | undefined> {
  const { solver, curvature, diagnose } = settings;
  const isPlain = curvature === 'hessian' && factors === undefined && supportsInnerProduct(solver);
  if (w instanceof Float64Array || !isPlain) return undefined;
  const given = [problem as LossProblem, w as NamedTensors, λ as NamedTensors] as const;
  if (flat === undefined) await withPauses(traceLosses(...given));
  const setting = flat ?? flatProblem(...given, 'pull to the varied');
  if (setting === undefined) return undefined;
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
    if (setting !== flat) setting.dispose();
  }
}
