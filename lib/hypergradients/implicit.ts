import type { Flat } from '../autodiff';
import { NotFiniteError } from '../errors';
import { giveWay } from '../event-loop';
import { random } from '../numbers';
import { checkFunction, checkOptionNames } from '../options';
import {
  checkPair,
  type Form,
  flatProblem,
  formOf,
  type GradientDerivative,
  type LossProblem,
  type UnrolledProblem,
} from '../problems';
import { cg, checkedSolution, heedsSpace, type Solution } from '../solvers';
import {
  type LinearOperator,
  type NamedTensors,
  normsOf,
  type Space,
  spaceOf,
  type Vector,
} from '../spaces';
import { errorEstimate } from './error-estimate';
import { type Count, countDerivative, countProducts } from './evaluation';
import { checkOnFailure, notSolved } from './failure';
import {
  checkImplicitOptions,
  type DifferentiateOptions,
  type ImplicitDerivative,
  type ImplicitOptions,
  type ImplicitStats,
} from './implicit-options';
import { sampledSeries } from './sampled-series';
import { solveIn } from './solve-in';
import { flatZerosOf, probe, zeroParts, zerosOf } from './zero-parts';

export interface DifferentiateImplicit {
  readonly name: 'implicit';
  /**
   * The derivative at w, which should be the inner solution at λ; w and λ are left as they were.
   *
   * @throws InputError or ShapeError for a problem or vectors that do not fit; NotFiniteError for a
   *   NaN in a loss or a gradient.
   */
  differentiate(
    problem: UnrolledProblem<NamedTensors>,
    w: NamedTensors,
    λ: NamedTensors,
    options?: DifferentiateOptions<NamedTensors>,
  ): Promise<ImplicitDerivative<NamedTensors>>;
  differentiate(
    problem: UnrolledProblem<Float64Array>,
    w: Float64Array,
    λ: Float64Array,
    options?: DifferentiateOptions<Float64Array>,
  ): Promise<ImplicitDerivative<Float64Array>>;
}

/**
 * The implicit function theorem, as a value: hand it to `hypergradient`.
 *
 * At `∇_w f(w*, λ) = 0`, with `A = ∂²f/∂w²` and `B = ∂²f/∂w∂λ`:
 * `dg/dλ = ∂g/∂λ − Bᵀ A⁻¹ ∂g/∂w`: one linear solve by products with A, one product with Bᵀ. No
 * p × p or p × h matrix is formed, and the memory does not depend on how w* was found. An inner
 * loss of tensors is evaluated twice, or three times for the error, so what is random in it
 * must be fixed: a batch, a dropout mask.
 *
 * When not to use it: far from an inner solution. `stats.innerGradientNorm` and the error show it;
 * `unrolled` differentiates what was done instead.
 *
 * @throws InputError for options that are unknown or out of range.
 * @see Bengio, [Gradient-based optimization of
 *   hyperparameters](https://doi.org/10.1162/089976600300015187), 2000; Lorraine, Vicol & Duvenaud,
 *   [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020.
 */
export function implicit(options: ImplicitOptions = {}): ImplicitOptions & DifferentiateImplicit {
  checkOptionNames('implicit', options, ['solver', 'curvature', 'estimate', 'onFailure']);
  checkOnFailure('implicit', options.onFailure);
  const {
    solver = cg({ best: 'energy' }),
    curvature = 'hessian',
    estimate = {},
    onFailure = 'return',
  } = options;
  const settings = { solver, curvature, estimate, onFailure };
  checkImplicitOptions(settings);
  return Object.defineProperty({ name: 'implicit' as const, ...settings }, 'differentiate', {
    value: <V extends Vector>(
      problem: UnrolledProblem<V>,
      w: V,
      λ: V,
      options: DifferentiateOptions<V> = {},
    ) => differentiate(settings, problem, w, λ, options),
  }) as ImplicitOptions & DifferentiateImplicit;
}

async function differentiate<V extends Vector>(
  settings: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  options: DifferentiateOptions<V>,
): Promise<ImplicitDerivative<V>> {
  const began = performance.now();
  checkPair(w, λ);
  checkOptionNames('differentiate', options, ['start', 'factors', 'watch']);
  const { start, factors, watch } = options;
  if (start !== undefined) checkPair(w, start, 'the start');
  if (factors !== undefined) checkFunction(factors, 'factors');
  if (watch !== undefined) checkFunction(watch, 'watch');
  const space = spaceOf(w);
  if (start !== undefined) space.check(start, w, 'the start');
  const count: Count = { products: 0, ...(watch && { watch }) };
  const form = formOf(problem, λ);
  const flat = await differentiateFlat(settings, problem, w, λ, options, count);
  if (flat !== undefined) return withSeconds(flat, began);
  const { solver, curvature } = settings;
  const found = await differentiateIn(settings, count, {
    space,
    form,
    w,
    λ,
    curvature: (derivative) =>
      (curvature === 'hessian' ? hessianOf(space, derivative, w) : undefined) ??
      countProducts(form.curvature(w, curvature), count),
    solve: async (A, b) =>
      factors === undefined
        ? checkedSolution(solver, await solver.solve(A, b, start ? { start } : {}), space, b)
        : sampledSeries(
            space,
            solver,
            (j) =>
              countProducts(
                formOf(factors(j) as UnrolledProblem<V>, λ).curvature(w, curvature),
                count,
              ),
            { A, b, start },
          ),
    zerosOf: (xs) => zerosOf(space, xs),
    probe: () => probe(w),
  });
  return withSeconds(found, began);
}

const withSeconds = <V>(found: ImplicitDerivative<V>, began: number): ImplicitDerivative<V> => ({
  ...found,
  stats: { ...found.stats, seconds: (performance.now() - began) / 1000 },
});

/** The same on flat vectors: where the problem has programs, and the solver asks for nothing else. */
async function differentiateFlat<V extends Vector>(
  settings: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  { start, factors }: DifferentiateOptions<V>,
  count: Count,
): Promise<ImplicitDerivative<V> | undefined> {
  const { solver, curvature } = settings;
  const isPlain = curvature === 'hessian' && factors === undefined && heedsSpace(solver);
  if (w instanceof Float64Array || !isPlain) return undefined;
  const setting = flatProblem(
    problem as LossProblem,
    w as NamedTensors,
    λ as NamedTensors,
    'pull to the varied',
  );
  if (setting === undefined) return undefined;
  const { space, form } = setting;
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
      curvature: (derivative) => hessianOf(space, derivative, setting.w)!,
      solve: (A, b) => solveIn(solver, { ...A, space }, b, flatStart),
      zerosOf: async (xs) => flatZerosOf(space, xs),
      probe() {
        const x = space.allocate(setting.w.layout);
        space.numbers(x).set(random(1).normals(x.layout.size));
        return x;
      },
    });
    const { value, adjoint, ...rest } = found;
    const inTensors = { value: space.toTensors(value), adjoint: space.toTensors(adjoint) };
    space.free([value, adjoint]);
    // V are named tensors here.
    return { ...inTensors, ...rest } as ImplicitDerivative<Vector> as ImplicitDerivative<V>;
  } finally {
    space.free(flatStart);
    setting.dispose();
  }
}

/** What a derivative is taken in: vectors of some kind, and what is done with them. */
interface Surroundings<V> {
  space: Space<V, unknown>;
  form: Omit<Form<V>, 'curvature'>;
  w: V;
  λ: V;
  /** The matrix of the linear system. */
  curvature(derivative: GradientDerivative<V>): LinearOperator<V>;
  solve(A: LinearOperator<V>, b: V): Promise<Solution<V>>;
  /** The names of the parts that are exactly 0 in all of some vectors. */
  zerosOf(xs: V[]): Promise<string[]>;
  /** A random vector like w, the same each time. */
  probe(): V;
}

async function differentiateIn<V>(
  { estimate, onFailure }: Required<ImplicitOptions>,
  count: Count,
  { space, form, w, λ, curvature, solve: solved, zerosOf, probe }: Surroundings<V>,
): Promise<ImplicitDerivative<V>> {
  const held: unknown[] = [];
  const result: Partial<ImplicitDerivative<V>> = {};
  const operators: { dispose(): void }[] = [];
  try {
    const outer = space.keep(form.outer(w));
    held.push(outer);
    space.check(outer.dw, w, 'the outer gradient ∂g/∂w');
    space.check(outer.dλ, λ, 'the outer gradient ∂g/∂λ');

    // Each of the three evaluations is one piece.
    await giveWay();
    const derivative = countDerivative(form.linearize(w, 1), count);
    operators.push(derivative);
    await giveWay();
    const A = curvature(derivative);
    operators.push(A);
    await giveWay();
    const { value: v, ...solve } = await solved(A, outer.dw);
    result.adjoint = v;
    if (onFailure === 'throw' && solve.status !== 'converged') throw notSolved(solve);

    await giveWay();
    const pulled = space.keep(
      estimate === false && derivative.mixed !== undefined
        ? { λ: derivative.mixed(v) }
        : derivative.vjp(v),
    );
    held.push(pulled);
    result.value = space.keep(space.subtract(outer.dλ, pulled.λ));

    const [innerNorm, valueNorm] = await normsOf(space, [derivative.value, result.value]);
    requireFinite(innerNorm!, 'an inner gradient ∇_w f');
    requireFinite(valueNorm!, 'a hypergradient');
    const stats: ImplicitStats = {
      status: solve.status,
      residual: solve.residualNorm,
      iterations: solve.iterations,
      innerGradientNorm: innerNorm!,
      products: 0,
      seconds: 0,
      zero: await zeroParts(space, zerosOf, [result.value, outer.dλ], () =>
        derivative.mixed === undefined ? derivative.vjp(probe()).λ : derivative.mixed(probe()),
      ),
    };
    if (estimate !== false && 'w' in pulled) {
      stats.error = await errorEstimate(
        { space, form, count, w, λ, v, outer, derivative, pulled },
        estimate,
      );
    }
    stats.products = count.products;
    const { auxiliary } = outer;
    if (auxiliary !== undefined) result.auxiliary = auxiliary;
    return { value: result.value, adjoint: v, stats, ...(auxiliary && { auxiliary }) };
  } catch (error) {
    space.free(result);
    throw error;
  } finally {
    for (const operator of operators) operator.dispose();
    space.free(held, result);
  }
}

/** The Hessian from the evaluation that the mixed derivative comes from, where that gives it alone. */
function hessianOf<V>(
  space: Space<V, unknown>,
  { hessian, loops }: GradientDerivative<V>,
  w: V,
): LinearOperator<V> | undefined {
  if (hessian === undefined) return undefined;
  const apply = (v: V) => {
    space.check(v, w, 'a direction');
    return hessian(v);
  };
  return { apply, transpose: apply, ...(loops && { loops }), dispose() {} };
}

function requireFinite(norm: number, what: string): void {
  if (Number.isFinite(norm)) return;
  throw new NotFiniteError({
    given: `${what} whose norm is ${norm}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or an inner optimization that diverged.',
  });
}
