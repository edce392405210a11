import * as tf from '@tensorflow/tfjs';
import { InputError, NotFiniteError, ShapeError } from '../errors';
import { random } from '../numbers';
import { checkOptionNames, phrase, shown } from '../options';
import type { GradientDerivative, UnrolledProblem } from '../problems';
import { curvatureOf, type InnerCurvature, objectiveOf } from '../problems';
import { cg, type LinearSolver, type SolverStatus } from '../solvers';
import {
  type LinearOperator,
  mapTensors,
  type NamedTensors,
  normsOf,
  type Space,
  spaceOf,
  type Vector,
} from '../spaces';
import { type ErrorEstimate, type EstimateOptions, errorEstimate } from './error-estimate';
import { type Count, counted, counting } from './evaluation';
import { checkOnFailure, notSolved, type OnFailure } from './failure';
import { sampledSeries } from './sampled-series';

/** How the implicit derivative is computed. */
export interface ImplicitOptions {
  /**
   * Solves `A v = ∂g/∂w`. Default `cg({ best: 'energy' })`: cut off early, the iterate of least residual
   * may still be 0.
   */
  solver?: LinearSolver;
  /**
   * A: `'hessian'` (default), or `'gauss-newton'`, which is never indefinite; of a loss of tensors
   * it needs the network's output marked by `markOutput`.
   */
  curvature?: InnerCurvature;
  /** Whether to estimate the error, and how; `false` saves its products. Default `{}`. */
  estimate?: EstimateOptions | false;
  /**
   * What happens where the linear solve does not converge: `'return'` (default), the derivative with
   * the best v met and the status in `stats`, or `'throw'`, a SolveError with the status. A series
   * of a fixed number of terms seldom converges.
   */
  onFailure?: OnFailure;
}

/** What an earlier derivative may lend to the next one. */
export interface DifferentiateOptions<V> {
  /** An earlier `adjoint`, where the solve is to start. Default zero. */
  start?: V;
  /**
   * The problem on a batch of its own for each product of `neumann({ terms, scale })`, j = 1, 2, …
   * The mean of the result is then that of the terms with the mean of the Hessians.
   */
  factors?: (j: number) => UnrolledProblem<V & Vector>;
  /** Is called before every product, as a sign of life; what it throws ends the derivative. */
  watch?: () => void;
}

/** An implicit derivative and what is known of it; vectors belong to the caller. */
export interface ImplicitDerivative<V> {
  /** `dg/dλ = ∂g/∂λ − Bᵀ v`. */
  value: V;
  /** v (q in the course), the solution of `A v = ∂g/∂w`; the `start` of the next solve. */
  adjoint: V;
  /** What the outer loss has marked by `markAuxiliary`, if anything; the caller's. */
  auxiliary?: NamedTensors;
  stats: ImplicitStats;
}

export interface ImplicitStats {
  /** How the linear solve ended. Whatever it is, the value is valid for the best v met. */
  status: SolverStatus;
  /** `‖∂g/∂w − A v‖₂`. */
  residual: number;
  iterations: number;
  /** `‖∇_w f(w, λ)‖₂`: how far w is from an inner solution. */
  innerGradientNorm: number;
  /** Products with A and derivatives of inner gradients, those of the estimate among them. */
  products: number;
  seconds: number;
  /**
   * The hyperparameters whose derivative is exactly 0, by name (`'3'` is the fourth of an array):
   * nothing depends on them here, or they were given under the wrong name.
   */
  zero: string[];
  /** Unless it was not asked for. */
  error?: ErrorEstimate;
}

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
  checkOptions(settings);
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
  { solver, curvature, estimate, onFailure }: Required<ImplicitOptions>,
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  { start, factors, watch }: DifferentiateOptions<V>,
): Promise<ImplicitDerivative<V>> {
  const began = performance.now();
  const space = spaceOf(w);
  checkSpaces(space, λ);
  space.check(w, w, 'the weights');
  space.check(λ, λ, 'the hyperparameters');
  const objective = objectiveOf(problem, λ);
  const held: unknown[] = [];
  const result: Partial<ImplicitDerivative<V>> = {};
  const count: Count = { products: 0, ...(watch && { watch }) };
  const operators: { dispose(): void }[] = [];
  try {
    const outer = space.keep(objective.outer(w));
    held.push(outer);
    space.check(outer.dw, w, 'the outer gradient ∂g/∂w');
    space.check(outer.dλ, λ, 'the outer gradient ∂g/∂λ');

    const derivative = counting(objective.field.linearize(w, 1), count);
    operators.push(derivative);
    const A =
      (curvature === 'hessian' ? hessianOf(space, derivative, w) : undefined) ??
      counted(curvatureOf(problem, w, λ, curvature), count);
    operators.push(A);
    const { value: v, ...solve } = await (factors === undefined
      ? solver.solve(A, outer.dw, start ? { start } : {})
      : sampledSeries(
          space,
          solver,
          (j) => counted(curvatureOf(factors(j) as UnrolledProblem<V>, w, λ, curvature), count),
          { A, b: outer.dw, start },
        ));
    result.adjoint = v;
    if (onFailure === 'throw' && solve.status !== 'converged') throw notSolved(solve);

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
      zero: await zeroParts(space, result.value, outer.dλ, () =>
        derivative.mixed === undefined ? derivative.vjp(probe(w)).λ : derivative.mixed(probe(w)),
      ),
    };
    if (estimate !== false && 'w' in pulled) {
      stats.error = await errorEstimate(
        { space, objective, count, w, λ, v, outer, derivative, pulled },
        estimate,
      );
    }
    stats.products = count.products;
    stats.seconds = (performance.now() - began) / 1000;
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
function hessianOf<V extends Vector>(
  space: Space<V, unknown>,
  { hessian }: GradientDerivative<V>,
  w: V,
): LinearOperator<V> | undefined {
  if (hessian === undefined) return undefined;
  const apply = (v: V) => {
    space.check(v, w, 'a direction');
    return hessian(v);
  };
  return { apply, transpose: apply, dispose() {} };
}

/**
 * The names of the parts of a derivative on which nothing depends. That a part is 0 does not show
 * it, since the adjoint may be 0, or orthogonal to it: `Bᵀu` of a random u shows it.
 */
async function zeroParts<V extends Vector>(
  space: Space<V, unknown>,
  value: V,
  direct: V,
  pulled: () => V,
): Promise<string[]> {
  const candidates = await zerosOf(space, [value, direct]);
  if (candidates.length === 0) return [];
  const pull = space.keep(space.tidy(pulled));
  try {
    const zeros = new Set(await zerosOf(space, [pull]));
    return candidates.filter((name) => zeros.has(name));
  } finally {
    space.free(pull);
  }
}

/** The names of the parts that are exactly 0 in all of some vectors. */
async function zerosOf<V extends Vector>(space: Space<V, unknown>, xs: V[]): Promise<string[]> {
  const [first] = xs as [V];
  if (first instanceof Float64Array) {
    return [...first.keys()]
      .filter((i) => xs.every((x) => (x as Float64Array)[i] === 0))
      .map(String);
  }
  const names = Object.keys(first);
  const norms = await Promise.all(
    xs.map((x) =>
      normsOf(
        space,
        names.map((name) => ({ [name]: (x as NamedTensors)[name]! }) as V),
      ),
    ),
  );
  return names.filter((_, i) => norms.every((each) => each[i] === 0));
}

/** A random vector of the shape of another, the same each time. */
function probe<V extends Vector>(like: V): V {
  const draw = random(1);
  if (like instanceof Float64Array) return draw.normals(like.length) as V;
  return mapTensors(like as NamedTensors, ({ size, shape }) =>
    tf.tensor(Float32Array.from(draw.normals(size)), shape),
  ) as V;
}

function checkSpaces<V extends Vector>(space: Space<V, unknown>, λ: V): void {
  if (spaceOf(λ) === space) return;
  throw new ShapeError({
    given: 'weights and hyperparameters of two kinds',
    expected: 'both as Float64Arrays or both as named tensors',
    remedy: 'A problem has derivatives in float64, or losses of named tensors.',
  });
}

function requireFinite(norm: number, what: string): void {
  if (Number.isFinite(norm)) return;
  throw new NotFiniteError({
    given: `${what} whose norm is ${norm}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or an inner optimization that diverged.',
  });
}

function checkOptions({ solver, curvature, estimate }: Required<ImplicitOptions>): void {
  if (typeof solver?.solve !== 'function') {
    throw new InputError({
      given: 'a solver without solve()',
      expected: 'a linear solver such as cg() or neumann({ terms: 20 })',
      remedy: 'Import one from solvers.',
    });
  }
  if (curvature !== 'hessian' && curvature !== 'gauss-newton') {
    throw new InputError({
      given: `${phrase(curvature)} as the curvature`,
      expected: "'hessian' or 'gauss-newton'",
      remedy: 'Write it exactly so.',
    });
  }
  if (estimate === false) return;
  checkOptionNames('implicit({ estimate })', estimate, ['mu', 'products']);
  const { mu, products } = estimate;
  if (mu !== undefined && !(typeof mu === 'number' && mu > 0 && mu < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `estimate: { mu: ${shown(mu)} }`,
      expected: "a positive lower bound of the Hessian's eigenvalues",
      remedy: 'Leave it out where it is not known.',
    });
  }
  if (products !== undefined && !(Number.isSafeInteger(products) && products >= 1)) {
    throw new InputError({
      given: `estimate: { products: ${shown(products)} }`,
      expected: 'a whole number of at least 1',
      remedy: 'It counts Lanczos steps.',
    });
  }
}
