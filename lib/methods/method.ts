import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { checkFraction, checkOptionNames, settled, shown } from '../options';
import type { Arithmetic } from './arithmetic';
import { type Resolve, tensorsAmong } from './setting';

/** What is known of the problem that a method runs on. */
export interface Spectrum {
  /** μ > 0: no eigenvalue of the Hessian is smaller. */
  mu: number;
  /** L ≥ μ: none is larger. */
  L: number;
  /** `‖H'(x₀ − x*)‖² / ‖∂x₀ − ∂x*‖²`, which `sobolev({ eta: 'natural' })` uses. */
  naturalEta?: number;
}

/** The state of an iteration: the iterate and what else the method remembers. */
export interface State<V> {
  x: V;
  [name: string]: V;
}

/** Applies `f` to each vector of a state. */
export function mapState<A, B>(state: State<A>, f: (vector: A) => B): State<B> {
  return Object.fromEntries(Object.entries(state).map(([name, x]) => [name, f(x)])) as State<B>;
}

/**
 * A first-order method with its coefficients fixed.
 *
 * Both functions are pure, so that a step can be repeated, differentiated and replayed. Step 1
 * leads from x₀ to x₁. A step uses exactly one gradient.
 */
export interface Iteration {
  begin<V>(x: V): State<V>;
  step<V>(t: number, state: State<V>, gradient: (x: V) => V, arithmetic: Arithmetic<V>): State<V>;
}

/** A method as a value: a plain record of a name and its options, and how it iterates. */
export interface Method {
  readonly name: string;
  /**
   * The iteration for Hessians with eigenvalues in [μ, L].
   *
   * The coefficients are constants: a derivative taken through the iteration does not see that
   * μ and L may depend on the hyperparameters.
   *
   * @param resolve gives the numbers of settings that are tensors
   * @throws InputError if the method needs what the spectrum lacks, or has learned settings
   *   without `resolve`.
   */
  on(spectrum?: Spectrum, resolve?: Resolve): Iteration;
  /** The tensors among its settings, which only `unrolled` can learn. */
  readonly learned?: readonly tf.Tensor[];
}

const made = new WeakSet<object>();

/** Whether a method was made by a function of this library; a copy or a wrapper of one is not. */
export const isLibraryMethod = (method: object): boolean => made.has(method);

/** Joins a record and its iteration to a value that prints, compares and serializes as the record. */
export function asMethod<R extends { readonly name: string }>(
  record: R,
  on: (spectrum?: Spectrum, resolve?: Resolve) => Iteration,
): R & Method {
  const checked: typeof on = (spectrum, resolve) => {
    // Also where the method does not use it, and μ may be 0.
    if (spectrum !== undefined) checkSpectrumNames(spectrum, record.name);
    return on(spectrum, resolve);
  };
  const method = Object.defineProperties({ ...record } as R & Method, {
    on: { value: checked },
    learned: { value: tensorsAmong(Object.values(record)) },
  });
  const fixed = settled(method, `the method ${record.name}`);
  made.add(fixed);
  return fixed;
}

const checkSpectrumNames = (spectrum: Spectrum, who: string): void =>
  checkOptionNames(`the spectrum of ${who}`, spectrum, ['mu', 'L', 'naturalEta']);

/** @throws InputError unless μ and L are given, finite and `0 < μ ≤ L`. */
export function requireSpectrum(spectrum: Spectrum | undefined, who: string): Spectrum {
  if (spectrum === undefined) {
    throw new InputError({
      given: `${who} without a spectrum`,
      expected: 'bounds { mu, L } of the eigenvalues of the Hessian',
      remedy: 'Give the spectrum, or a method with numbers for its step and momentum.',
    });
  }
  checkSpectrumNames(spectrum, who);
  const { mu, L } = spectrum;
  if (
    typeof mu === 'number' &&
    typeof L === 'number' &&
    mu > 0 &&
    mu <= L &&
    // Steps are made of 1 / L and 1 / (L + μ), which would be ∞ or 0.
    1 / L < Number.POSITIVE_INFINITY &&
    mu + L < Number.POSITIVE_INFINITY
  )
    return spectrum;
  throw new InputError({
    given: `{ mu: ${shown(mu)}, L: ${shown(L)} }`,
    expected: 'numbers with 0 < mu ≤ L, mu + L and 1 / L finite',
    remedy:
      'A problem that is not strongly convex has no μ: regularise it, or give the step itself.',
  });
}

/**
 * The sequence `c₁ = first, cₙ = next(cₙ₋₁, n)`, each term computed once.
 *
 * A step that is replayed finds its coefficients by its number.
 */
export function sequence<C>(first: C, next: (previous: C, n: number) => C): (n: number) => C {
  const terms = [first];
  return (n) => {
    while (terms.length < n) terms.push(next(terms[terms.length - 1]!, terms.length + 1));
    return terms[n - 1]!;
  };
}

/** @throws InputError for a momentum, or a similar memory, that is not in [0, 1). */
export const checkMemory = (value: number, before: string): void =>
  checkFraction(value, before, 'The memory of a method must fade for it to converge.');
