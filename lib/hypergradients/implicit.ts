import { checkFunction, checkNoMore, checkOptionNames, settled } from '../options';
import {
  checkPair,
  checkProblem,
  curvatureInTurns,
  formOf,
  type UnrolledProblem,
} from '../problems';
import { cg, checkedSolution } from '../solvers';
import { holding, type NamedTensors, spaceOf, type Vector } from '../spaces';
import { differentiateFlat, differentiateKnown } from './differentiate-flat';
import { differentiateIn, hessianOf } from './differentiate-in';
import { type Count, countProducts } from './evaluation';
import { checkOnFailure } from './failure';
import {
  checkImplicitOptions,
  type DifferentiateOptions,
  type ImplicitDerivative,
  type ImplicitOptions,
} from './implicit-options';
import { sampledSeries } from './sampled-series';
import { solveOptions } from './solve-in';
import { probe, zerosOf } from './zero-parts';

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
 * loss of tensors is evaluated once, once more for Gauss–Newton, and once more for the error, so what is
 * random in it must be fixed: a batch, a dropout mask.
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
  checkNoMore('implicit', arguments, 1);
  checkOptionNames('implicit', options, [
    'solver',
    'curvature',
    'estimate',
    'diagnose',
    'onFailure',
  ]);
  checkOnFailure('implicit', options.onFailure);
  const {
    solver = cg({ best: 'energy' }),
    curvature = 'hessian',
    estimate = {},
    diagnose = true,
    onFailure = 'return',
  } = options;
  const settings = { solver, curvature, estimate, diagnose, onFailure };
  checkImplicitOptions(settings);
  const way = Object.defineProperty({ name: 'implicit' as const, ...settings }, 'differentiate', {
    value<V extends Vector>(
      problem: UnrolledProblem<V>,
      w: V,
      λ: V,
      options: DifferentiateOptions<V> = {},
    ) {
      checkNoMore('differentiate', arguments, 4);
      return differentiate(settings, problem, w, λ, options);
    },
  }) as ImplicitOptions & DifferentiateImplicit;
  const fixed = settled(way, 'implicit()');
  made.add(fixed);
  return fixed;
}

const made = new WeakSet<object>();

/** Whether `implicit` has made it; a copy with another `differentiate` differentiates in its own way. */
export const isLibraryWay = (how: object): boolean => made.has(how);

async function differentiate<V extends Vector>(
  settings: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  options: DifferentiateOptions<V>,
): Promise<ImplicitDerivative<V>> {
  checkPair(w, λ);
  checkProblem(problem, w, false);
  checkOptionNames('differentiate', options, ['start', 'factors', 'watch', 'flat']);
  const { start, factors, watch } = options;
  if (start !== undefined) checkPair(w, start, 'the start');
  if (factors !== undefined) checkFunction(factors, 'factors');
  if (watch !== undefined) checkFunction(watch, 'watch');
  if (start !== undefined) spaceOf(w).check(start, w, 'the start');
  const began = performance.now();
  const count: Count = { products: 0, ...(watch && { watch }) };
  const known = differentiateKnown({ settings, problem, w, λ, options, count });
  const found = await (known ??
    holding([w, λ, start], (w, λ, start) =>
      differentiateHeld(
        settings,
        problem,
        w,
        λ,
        start === undefined ? options : { ...options, start },
        count,
      ),
    ));
  return { ...found, stats: { ...found.stats, seconds: (performance.now() - began) / 1000 } };
}

async function differentiateHeld<V extends Vector>(
  settings: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  options: DifferentiateOptions<V>,
  count: Count,
): Promise<ImplicitDerivative<V>> {
  const { start, factors } = options;
  const space = spaceOf(w);
  const { diagnose } = settings;
  const flat = await differentiateFlat({ settings, problem, w, λ, options, count });
  if (flat !== undefined) return flat;
  const form = formOf(problem, λ);
  const { solver, curvature } = settings;
  return differentiateIn(settings, count, {
    space,
    form,
    w,
    λ,
    curvature: async (derivative) =>
      (curvature === 'hessian' ? hessianOf(space, derivative, w) : undefined) ??
      countProducts(await curvatureInTurns(form, w, curvature), count),
    solve: async (A, b) =>
      factors === undefined
        ? checkedSolution(
            solver,
            await solver.solve(A, b, solveOptions(solver, diagnose, start)),
            space,
            b,
          )
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
}
