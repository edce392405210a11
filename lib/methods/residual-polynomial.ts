import { InputError } from '../errors';
import { checkCount, checkFloat64, checkNoMore, nameIn } from '../options';
import type { Arithmetic, Term } from './arithmetic';
import { iterationOf } from './iteration-of';
import { numberOf } from './learned';
import type { Method, Spectrum, State } from './method';

/** A residual polynomial and its derivative at some λ. */
export interface PolynomialValue {
  /** `Pₜ(λ)`. */
  value: number;
  /** `Pₜ'(λ)`. */
  derivative: number;
}

/**
 * The residual polynomial of a method after t steps: on a quadratic with Hessian H,
 * `xₜ − x* = Pₜ(H)(x₀ − x*)`.
 *
 * Nothing is fitted or expanded: the method itself runs on the quadratic `½λx²` from x₀ = 1, and on
 * its derivative with respect to λ, so value and derivative are exact to rounding.
 *
 * @throws InputError for a method that is not linear in the gradient (`adam`), a count that is not
 *   whole, or a spectrum that the method cannot use.
 */
export function residualPolynomial(method: Method, spectrum: Spectrum, t: number) {
  checkNoMore('residualPolynomial', arguments, 3);
  checkCount(t, 'a number of steps of', { least: 0, remedy: 'Count in steps.' });
  checkLinear(method, spectrum);
  return (lambda: number): PolynomialValue => {
    const run = residualPolynomials(method, spectrum, Float64Array.of(lambda));
    let last = run.next().value;
    for (let i = 0; i < t; i++) last = run.next().value;
    return { value: last.values[0]!, derivative: last.derivatives[0]! };
  };
}

/**
 * P₀, P₁, P₂ … and their derivatives at many λ, one degree at a time and without end.
 *
 * @throws what `residualPolynomial` throws.
 */
export function residualPolynomials(
  method: Method,
  spectrum: Spectrum,
  lambdas: Float64Array,
): Generator<{ values: Float64Array; derivatives: Float64Array }, never> {
  checkNoMore('residualPolynomials', arguments, 3);
  checkFloat64(lambdas, 'the places of the polynomials');
  checkLinear(method, spectrum);
  return polynomialsAt(method, spectrum, lambdas);
}

/** Whether a method has polynomials on a spectrum is looked at now, by a step, not when they are evaluated. */
function checkLinear(method: Method, spectrum: Spectrum): void {
  iterationOf(method, spectrum);
  const run = polynomialsAt(method, spectrum, Float64Array.of(1));
  run.next();
  run.next();
}

function* polynomialsAt(
  method: Method,
  spectrum: Spectrum,
  lambdas: Float64Array,
): Generator<{ values: Float64Array; derivatives: Float64Array }, never> {
  const n = lambdas.length;
  // (P, P') goes to (λP, λP' + P).
  const multiply = (x: Float64Array) => {
    const product = new Float64Array(2 * n);
    for (let i = 0; i < n; i++) {
      product[i] = lambdas[i]! * x[i]!;
      product[n + i] = lambdas[i]! * x[n + i]! + x[i]!;
    }
    return product;
  };
  const run = iterate(method, spectrum, new Float64Array(2 * n).fill(1, 0, n), multiply);
  while (true) {
    const x = run.next().value;
    yield { values: x.subarray(0, n), derivatives: x.subarray(n) };
  }
}

/** `Pₜ(a)`, `Pₜ(b)` and `Pₜ[a, b]`, for pairs `(a, b)`. */
export interface DividedDifferences {
  left: Float64Array;
  right: Float64Array;
  /** `(Pₜ(a) − Pₜ(b))/(a − b)`, and `Pₜ'(a)` where `a = b`. */
  difference: Float64Array;
}

/**
 * The divided differences of P₀, P₁, P₂ … for pairs of λ, without cancellation and without end.
 *
 * `P[a, b]` is the corner of `P([[a, 1], [0, b]])`: the method runs on this matrix instead of a
 * number, from the identity.
 *
 * @see Higham, [Functions of Matrices](https://doi.org/10.1137/1.9780898717778), 2008, §3.2 and
 *   theorem 3.11 (Daleckii–Krein).
 */
export function* dividedDifferences(
  method: Method,
  spectrum: Spectrum,
  a: Float64Array,
  b: Float64Array,
): Generator<DividedDifferences, never> {
  const n = a.length;
  const multiply = (x: Float64Array) => {
    const product = new Float64Array(3 * n);
    for (let i = 0; i < n; i++) {
      product[i] = a[i]! * x[i]!;
      product[n + i] = b[i]! * x[n + i]!;
      product[2 * n + i] = a[i]! * x[2 * n + i]! + x[n + i]!;
    }
    return product;
  };
  const run = iterate(method, spectrum, new Float64Array(3 * n).fill(1, 0, 2 * n), multiply);
  while (true) {
    const x = run.next().value;
    yield {
      left: x.subarray(0, n),
      right: x.subarray(n, 2 * n),
      difference: x.subarray(2 * n),
    };
  }
}

/** The iterates of a method whose gradient is a linear map. */
function* iterate(
  method: Method,
  spectrum: Spectrum,
  start: Float64Array,
  gradient: (x: Float64Array) => Float64Array,
): Generator<Float64Array, never> {
  const iteration = iterationOf(method, spectrum);
  const arithmetic = linearArithmetic(nameIn(method));
  let state: State<Float64Array> = iteration.begin(start);
  for (let t = 1; ; t++) {
    yield state.x;
    state = iteration.step(t, state, gradient, arithmetic);
  }
}

/** Linear combinations, and nothing else. */
function linearArithmetic(name: string): Arithmetic<Float64Array> {
  const refuse = () => {
    throw new InputError({
      given: `${name}, whose steps are not linear in the gradient`,
      expected: 'a method whose steps are linear combinations of iterates and gradients',
      remedy: 'Only those have residual polynomials; compare this one by running it.',
    });
  };
  const combine = (terms: readonly Term<Float64Array>[]) => {
    const sum = new Float64Array(terms[0]![1].length);
    for (const [coefficient, x] of terms) {
      const a = numberOf(coefficient);
      for (let i = 0; i < sum.length; i++) sum[i]! += a * x[i]!;
    }
    return sum;
  };
  return { combine, multiply: refuse, divide: refuse, sqrt: refuse, shift: refuse };
}
