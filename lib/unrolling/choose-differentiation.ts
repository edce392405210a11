import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, checkPositive, shown } from '../options';
import { type Cost, costModel, type ProblemSize, SIZES, time } from './cost-model';
import type { Checkpoint } from './schedule';

/** What is known of a bilevel problem before it is differentiated. */
export interface DifferentiationProblem extends ProblemSize {
  /** Whether the inner problem is solved, so that its gradient is as good as 0. */
  converged: boolean;
  /** Whether the inner Hessian is positive definite where the iteration ends. */
  stronglyConvex: boolean;
  /** Whether gradients and products see minibatches only. Default false. */
  stochastic?: boolean;
  /** Whether λ acts through the iteration: a step length, w₀ itself. Default false. */
  actsThroughIteration?: boolean;
  /** How much memory there is; no limit by default. */
  memoryBytes?: number;
}

const NAMES = [
  ...SIZES,
  'converged',
  'stronglyConvex',
  'stochastic',
  'actsThroughIteration',
  'memoryBytes',
];

/** How to differentiate, and why. */
export interface Advice {
  how: 'implicit' | 'unrolled';
  /** What to hand to `unrolled`, where that is the advice. */
  options: { mode?: 'reverse' | 'forward'; truncate?: number; checkpoint?: Checkpoint };
  /** Sentences, the deciding one first. */
  reasons: string[];
  /** The cost of every way, the cheapest in time first. */
  costs: Cost[];
}

/**
 * Advises between implicit and unrolled differentiation, and on the mode of the latter.
 *
 * First what the two are: the implicit derivative is that of the solution, and exists only where there
 * is one and the Hessian can be solved with; unrolling gives the derivative of the iterate at hand. Only
 * then the cost, by `costModel`: the fastest way that fits in the memory.
 *
 * When not to use it: it reasons from the few facts it is given, and measures nothing.
 *
 * @throws InputError for an unknown name, sizes that are not whole or out of range, or facts that are not
 *   true or false.
 */
export function chooseDifferentiation(problem: DifferentiationProblem): Advice {
  checkNoMore('chooseDifferentiation', arguments, 1);
  checkOptionNames('chooseDifferentiation', problem, NAMES);
  checkFacts(problem);
  const { memoryBytes = Number.POSITIVE_INFINITY } = problem;
  if (memoryBytes !== Number.POSITIVE_INFINITY) checkPositive(memoryBytes, 'a memory of');
  // Checks the sizes, which the next line computes with.
  const sizes = sizesOf(problem);
  costModel(sizes);
  const costs = costModel(sizes, { snapshots: snapshotsThatFit(problem, memoryBytes) }).sort(
    (a, b) => time(a) - time(b) || a.bytes - b.bytes,
  );
  const obstacle = whyNotImplicit(problem);
  if (obstacle === undefined) {
    return { how: 'implicit', options: {}, reasons: whyImplicit(problem, costs), costs };
  }
  const { options, reason } = chooseMode(problem, costs, memoryBytes);
  return { how: 'unrolled', options, reasons: [obstacle, reason, ...cautions(problem)], costs };
}

/** @throws InputError unless what is known is said by true and false. */
function checkFacts(problem: DifferentiationProblem): void {
  const { converged, stronglyConvex, stochastic = false, actsThroughIteration = false } = problem;
  const facts = { converged, stronglyConvex, stochastic, actsThroughIteration };
  const wrong = Object.entries(facts).find(([, fact]) => typeof fact !== 'boolean');
  if (wrong === undefined) return;
  throw new InputError({
    given: `${wrong[0]}: ${shown(wrong[1])}`,
    expected: 'true or false',
    remedy: 'The advice rests on it; where it is not known, take the worse case.',
  });
}

function sizesOf({
  parameters,
  hyperparameters,
  steps,
  conditionNumber,
  recordBytes,
  vectorBytes,
}: DifferentiationProblem): ProblemSize {
  return {
    ...{ parameters, hyperparameters, steps },
    ...(conditionNumber !== undefined && { conditionNumber }),
    ...(recordBytes !== undefined && { recordBytes }),
    ...(vectorBytes !== undefined && { vectorBytes }),
  };
}

function whyNotImplicit(problem: DifferentiationProblem): string | undefined {
  if (problem.actsThroughIteration) {
    return 'The hyperparameters act through the iteration: the solution does not depend on them, so the implicit derivative is 0 and only unrolling sees them.';
  }
  if (!problem.stronglyConvex) {
    return 'The inner Hessian is not positive definite: the solution is not a function of the hyperparameters, and the linear system is singular or indefinite. Unrolling differentiates the iterate that was found.';
  }
  if (problem.stochastic) {
    return 'Every step sees a minibatch of its own: a product of steps with fresh batches is unbiased, as the inverse of the Hessian of one batch is not. (With products from the whole data, solve instead.)';
  }
  if (!problem.converged) {
    return 'The inner problem is not solved: the implicit derivative would be that of a point not reached, off by about ‖∇f‖/μ times the Lipschitz constants. Unrolling is exact for the steps taken.';
  }
  return undefined;
}

function whyImplicit(problem: DifferentiationProblem, costs: Cost[]): string[] {
  const implicit = find(costs, 'implicit');
  const reverse = find(costs, 'reverse');
  const reasons = [
    `The inner problem is solved and strongly convex: one linear solve (about ${implicit.products} products) and flat memory (${bytes(implicit.bytes)}), against ${reverse.products} products and ${bytes(reverse.bytes)} for unrolling in reverse, which has a burn-in besides.`,
  ];
  if (problem.conditionNumber === undefined) {
    reasons.push(
      'The condition number is not known: the solve is counted at its worst, one step a weight. Watch its status, and damp it if it does not converge.',
    );
  } else if (implicit.products > reverse.products) {
    reasons.push(
      `The system is ill-conditioned (L/μ = ${problem.conditionNumber}): precondition or damp the solve, or start it from the last one.`,
    );
  }
  return reasons;
}

function chooseMode(problem: DifferentiationProblem, costs: Cost[], memoryBytes: number) {
  const exact = costs.filter(({ way }) => way !== 'implicit' && way !== 'truncated');
  const best = exact.find((cost) => cost.bytes <= memoryBytes);
  if (best === undefined) {
    const { truncate } = truncationThatFits(problem, memoryBytes);
    return {
      options: { truncate } as Advice['options'],
      reason: `Of ${bytes(memoryBytes)} only the last ${truncate} steps can be kept, and no exact way fits: truncate, at the price of a bias.`,
    };
  }
  const snapshots = snapshotsThatFit(problem, memoryBytes);
  const options: Record<string, Advice['options']> = {
    reverse: { mode: 'reverse' },
    forward: { mode: 'forward' },
    sqrt: { checkpoint: 'sqrt' },
    binomial: { checkpoint: { snapshots } },
  };
  const limit =
    memoryBytes === Number.POSITIVE_INFINITY ? '' : ` that fits in ${bytes(memoryBytes)}`;
  return {
    options: options[best.way]!,
    reason: `${names[best.way]} is the fastest way${limit}: ${time(best)} gradients and products for ${problem.steps} steps, ${bytes(best.bytes)}.`,
  };
}

const names: Record<Cost['way'], string> = {
  implicit: 'The implicit derivative',
  reverse: 'Reverse mode',
  forward: 'Forward mode',
  truncated: 'Truncation',
  sqrt: 'Reverse mode with √T checkpoints',
  binomial: 'Reverse mode with binomial checkpoints',
};

function cautions(problem: DifferentiationProblem): string[] {
  const { conditionNumber, steps, stronglyConvex } = problem;
  if (!stronglyConvex || conditionNumber === undefined || steps > conditionNumber) return [];
  return [
    `With fewer steps (${steps}) than L/μ (${conditionNumber}), expect the burn-in: the derivative of the iterate may be further from that of the solution than 0 is. See burnIn().`,
  ];
}

const sizes = ({
  parameters,
  vectorBytes = 4 * parameters,
  recordBytes = 4 * vectorBytes,
}: ProblemSize) => ({
  state: 2 * vectorBytes,
  record: recordBytes,
});

/** As many snapshots as there is room for, between 2 and T. */
function snapshotsThatFit(problem: ProblemSize, memoryBytes: number): number {
  const { state, record } = sizes(problem);
  // One more state than snapshots: the one worked on.
  const room = Math.floor((memoryBytes - record) / state) - 1;
  return Math.max(2, Math.min(problem.steps, room));
}

function truncationThatFits(problem: ProblemSize, memoryBytes: number) {
  const { state, record } = sizes(problem);
  return {
    truncate: Math.max(1, Math.min(problem.steps, Math.floor((memoryBytes - state) / record))),
  };
}

const find = (costs: Cost[], way: Cost['way']) => costs.find((cost) => cost.way === way)!;

function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(count) / 10)));
  return `${Number((count / 2 ** (10 * power)).toPrecision(3))} ${units[power]}`;
}
