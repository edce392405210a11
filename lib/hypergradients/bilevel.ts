import { InputError } from '../errors';
import {
  checkFunction,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
  remedyOf,
  shown,
} from '../options';
import type { LossProblem } from '../problems';
import { type BatchedProblem, checkPair, checkProblem, type ValuedProblem } from '../problems';
import type { Vector } from '../spaces';
import type { BatchPlan, BilevelOptions, BilevelRun, BilevelSettings } from './bilevel-options';
import { Run } from './bilevel-run';
import { checkCheckpoint } from './checkpoint';
import { isOptimizer, livesOnGradients } from './movers';

/**
 * Optimizes hyperparameters by their hypergradient: inner steps on w, one outer step on λ, and on.
 *
 * In step k the inner optimizer moves w on `inner(w, λₖ)`, the hypergradient is taken at that w,
 * warm-started from the last adjoint, and the outer optimizer moves λ. Leaving the loop (`break`)
 * leaves the run as it is, and a new loop goes on. A step that throws leaves w, λ and what the
 * optimizers remember as before it; so does one that is cut short where nothing is thrown, as by a
 * notebook's interrupt, as soon as the run is used again: no step is lost or done twice.
 *
 * @throws InputError for options that exclude each other; while running, what `hypergradient`
 *   throws, and NotFiniteError for an inner or outer loss that is not finite.
 * @see Pedregosa, [Hyperparameter optimization with approximate
 *   gradient](https://arxiv.org/abs/1602.02355), 2016, Algorithm 1 (HOAG); Lorraine, Vicol &
 *   Duvenaud, [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020, Algorithm 1.
 */
export function bilevel(
  problem: ValuedProblem,
  options: BilevelOptions<never, Float64Array>,
): BilevelRun<Float64Array>;
export function bilevel(problem: LossProblem, options: BilevelOptions<never>): BilevelRun;
export function bilevel<B>(
  problem: BatchedProblem<B>,
  options: BilevelOptions<B> & { batches: BatchPlan<B> },
): BilevelRun;
export function bilevel<B, V extends Vector>(
  problem: ValuedProblem | LossProblem | BatchedProblem<B>,
  options: BilevelOptions<B, V>,
): BilevelRun<V> {
  checkNoMore('bilevel', arguments, 2);
  const λ = hyperparametersOf(options);
  checkOptions(options, λ);
  checkProblem(problem, options.w, options.batches !== undefined);
  checkMethods(problem, 'the problem', ['inner']);
  return new Run(problem, λ, options);
}

/** @throws InputError for hyperparameters under both names. */
function hyperparametersOf<V>(options: Partial<Record<'λ' | 'lambda', V>>): V {
  checkRecord(options, 'the options of bilevel', '{ w, λ, how, inner, outer }');
  const { λ, lambda = λ } = options;
  if (λ === undefined || lambda === λ) return lambda as V;
  throw new InputError({
    given: 'two different values, as λ and as lambda, in the options of bilevel',
    expected: 'the hyperparameters under one of the two names',
    remedy: 'Leave one out: they mean the same.',
  });
}

/** `εₖ = first · factorᵏ⁻¹`: summable, as HOAG's convergence asks. Defaults .1 and .9. */
export function decreasingTolerance(
  options: { first?: number; factor?: number } = {},
): (k: number) => number {
  checkNoMore('decreasingTolerance', arguments, 1);
  checkOptionNames('decreasingTolerance', options, ['first', 'factor']);
  const { first = 0.1, factor = 0.9 } = options;
  if (![first, factor].every(Number.isFinite) || !(first > 0 && factor > 0 && factor < 1)) {
    throw new InputError({
      given: `decreasingTolerance({ first: ${shown(first)}, factor: ${shown(factor)} })`,
      expected: 'a positive first tolerance and a factor between 0 and 1',
      remedy: 'The errors must have a finite sum for the run to converge.',
    });
  }
  return (k) => first * factor ** (k - 1);
}

const NAMES = [
  'w',
  'λ',
  'lambda',
  'batches',
  'inner',
  'outer',
  'how',
  'steps',
  'restart',
  'tolerance',
  'checkpoint',
  'progress',
];

function checkOptions<B, V extends Vector>(options: BilevelSettings<B, V>, λ: V): void {
  checkOptionNames('bilevel', options, NAMES);
  const { how, inner, outer, tolerance, steps, batches, w, progress, checkpoint, restart } =
    options;
  const wrong = (given: string, expected: string, remedy: string) =>
    new InputError({ given, expected, remedy });
  const isWay = how?.name === 'implicit' || how?.name === 'unrolled';
  if (!isWay || typeof how.differentiate !== 'function') {
    throw wrong(
      `how: ${phrase(how)}`,
      'how: implicit(…) or unrolled(…)',
      remedyOf(how, 'Pass a way of differentiating that this library makes.'),
    );
  }
  checkRecord(outer, 'outer', '{ optimizer }');
  // What fits inside fits outside: one step is what is taken.
  const { steps: outerSteps = 1 } = outer as Partial<NonNullable<typeof inner>>;
  checkOptionNames('outer', outer, outerSteps === 1 ? ['optimizer', 'steps'] : ['optimizer']);
  if (inner !== undefined) checkOptionNames('inner', inner, ['optimizer', 'steps']);
  checkPair(w, λ);
  if (progress !== undefined) checkMethods(progress, 'the progress', ['update']);
  if (tolerance !== undefined) checkFunction(tolerance, 'the tolerance');
  if (batches !== undefined) {
    checkOptionNames('batches', batches, ['inner', 'outer', 'curvature', 'factors']);
    checkMethods(batches, 'the batches', ['inner', 'outer']);
  }
  if (checkpoint !== undefined) checkCheckpoint(checkpoint);
  if (!isOptimizer(outer.optimizer)) {
    throw wrong(
      `${phrase(outer.optimizer)} as the outer optimizer`,
      'outer: { optimizer }',
      remedyOf(outer.optimizer, 'Pass tf.train.adam(0.01), for example.'),
    );
  }
  if (!livesOnGradients(outer.optimizer)) {
    throw wrong(
      'an implicit optimizer for the hyperparameters',
      'one that steps by gradients alone',
      'The curvature of the outer loss in λ is not known: take tf.train.adam(0.01) or stepControl().',
    );
  }
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps >= 1)) {
    throw wrong(
      `steps: ${shown(steps)}`,
      'a whole number of at least 1',
      'Leave it out for no end.',
    );
  }
  if (restart !== undefined && typeof restart !== 'boolean') {
    throw wrong(`restart: ${shown(restart)}`, 'true or false', 'Leave it out for false.');
  }
  if (how.name === 'unrolled') {
    if (inner === undefined && tolerance === undefined) return;
    throw wrong(
      `${inner === undefined ? 'a tolerance' : 'an inner optimizer'} together with unrolled()`,
      'the method and the steps of unrolled() alone',
      'Leave it out: unrolled() differentiates its own steps.',
    );
  }
  const counted = inner !== undefined && Number.isSafeInteger(inner.steps) && inner.steps >= 0;
  if (!counted || !isOptimizer(inner.optimizer)) {
    const { optimizer, steps } = inner ?? {};
    throw wrong(
      inner === undefined
        ? 'no inner optimizer'
        : counted
          ? `${phrase(optimizer)} as the inner optimizer`
          : `inner: { steps: ${shown(steps)} }`,
      'inner: { optimizer, steps } with an optimizer and a whole number of steps',
      remedyOf(
        optimizer,
        'implicit() differentiates at the weights that the inner optimizer has reached.',
      ),
    );
  }
  if (inner.optimizer === outer.optimizer && 'minimize' in inner.optimizer) {
    throw wrong(
      'one optimizer for weights and hyperparameters',
      'one for each',
      'An optimizer keeps moments for the variables that it moves: make two of them.',
    );
  }
}
