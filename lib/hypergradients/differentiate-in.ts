import type { Execution } from '../autodiff';
import { NotFiniteError } from '../errors';
import { giveWay } from '../event-loop';
import {
  type Form,
  type GradientDerivative,
  linearizeInTurns,
  mixedBack,
  outerInTurns,
  pulledBack,
} from '../problems';
import type { Solution } from '../solvers';
import { type LinearOperator, normsOf, type Space } from '../spaces';
import { errorEstimate } from './error-estimate';
import { type Count, countDerivative } from './evaluation';
import { notSolved } from './failure';
import type { ImplicitDerivative, ImplicitOptions, ImplicitStats } from './implicit-options';
import { zeroParts } from './zero-parts';

/** What a derivative is taken in: vectors of some kind, and what is done with them. */
interface Surroundings<V> {
  space: Space<V, unknown>;
  form: Omit<Form<V>, 'curvature'>;
  w: V;
  λ: V;
  /** The matrix of the linear system. */
  curvature(derivative: GradientDerivative<V>): Promise<LinearOperator<V>>;
  solve(A: LinearOperator<V>, b: V): Promise<Solution<V>>;
  /** The names of the parts that are exactly 0 in all of some vectors. */
  zerosOf(xs: V[]): Promise<string[]>;
  /** A random vector like w, the same each time. */
  probe(): V;
  /** How derivatives and solve are computed, where the derivative does not say it. */
  execution?: Execution;
}

export async function differentiateIn<V>(
  { estimate, diagnose, onFailure }: Required<ImplicitOptions>,
  count: Count,
  { space, form, w, λ, curvature, solve: solved, zerosOf, probe, execution }: Surroundings<V>,
): Promise<ImplicitDerivative<V>> {
  const held: unknown[] = [];
  const result: Partial<ImplicitDerivative<V>> = {};
  const operators: { dispose(): void }[] = [];
  try {
    const outer = await outerInTurns(space, form, w);
    held.push(outer);
    space.check(outer.dw, w, 'the outer gradient ∂g/∂w');
    space.check(outer.dλ, λ, 'the outer gradient ∂g/∂λ');

    await giveWay();
    const derivative = countDerivative(await linearizeInTurns(form, w, 1), count);
    operators.push(derivative);
    const innerGradient = diagnose ? derivative.value : undefined;
    await giveWay();
    const A = await curvature(derivative);
    operators.push(A);
    await giveWay();
    const { value: v, ...solve } = await solved(A, outer.dw);
    result.adjoint = v;
    if (onFailure === 'throw' && solve.status !== 'converged') throw notSolved(solve);

    await giveWay();
    const pulled =
      estimate === false
        ? await mixedBack(space, derivative, v)
        : await pulledBack(space, derivative, v);
    held.push(pulled);
    result.value = space.keep(space.subtract(outer.dλ, pulled.λ));

    const [valueNorm, innerNorm] = await normsOf(space, [
      result.value,
      ...(innerGradient === undefined ? [] : [innerGradient]),
    ]);
    if (diagnose) requireFinite(innerNorm!, 'an inner gradient ∇_w f');
    requireFinite(valueNorm!, 'a hypergradient');
    const stats: ImplicitStats = {
      status: solve.status,
      residual: diagnose ? solve.residualNorm : Number.NaN,
      iterations: solve.iterations,
      innerGradientNorm: innerNorm ?? Number.NaN,
      norm: valueNorm!,
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
    const ran = execution ?? derivative.execution;
    if (ran !== undefined) stats.execution = ran;
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
export function hessianOf<V>(
  space: Space<V, unknown>,
  { hessian, operator, loops, inPieces }: GradientDerivative<V>,
  w: V,
): LinearOperator<V> | undefined {
  // It goes with the derivative.
  if (operator !== undefined) return { ...operator, dispose() {} };
  if (hessian === undefined) return undefined;
  const apply = (v: V) => {
    space.check(v, w, 'a direction');
    return hessian(v);
  };
  const pieces = inPieces?.hessian;
  return {
    apply,
    transpose: apply,
    ...(loops && { loops }),
    ...(pieces && { applyInPieces: pieces }),
    dispose() {},
  };
}

function requireFinite(norm: number, what: string): void {
  if (Number.isFinite(norm)) return;
  throw new NotFiniteError({
    given: `${what} whose norm is ${norm}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or an inner optimization that diverged.',
  });
}
