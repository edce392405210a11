import { InputError } from '../errors';
import { checkCount, checkNoMore, checkOptionNames, shown } from '../options';
import { type Checkpoint, checkpointCost } from './schedule';

/** The sizes that the cost of a hypergradient depends on. */
export interface ProblemSize {
  /** p, the number of weights. */
  parameters: number;
  /** h, the number of hyperparameters. */
  hyperparameters: number;
  /** T, the number of inner steps. */
  steps: number;
  /** `L/μ` of the inner Hessian at the solution; left out where it is not known. */
  conditionNumber?: number;
  /** What a recorded gradient keeps in memory; by default four vectors of float32 weights. */
  recordBytes?: number;
  /** What one vector of weights takes; by default `4p` bytes, float32. */
  vectorBytes?: number;
}

/** The names of the sizes. */
export const SIZES = [
  'parameters',
  'hyperparameters',
  'steps',
  'conditionNumber',
  'recordBytes',
  'vectorBytes',
];

/** Numbers that belong to a way of differentiating, not to the problem. */
export interface CostOptions {
  /** k, the steps of the linear solver; by default what conjugate gradients need for 1e-3. */
  solverSteps?: number;
  /** K of truncation; by default T/10, rounded up. */
  truncate?: number;
  /** s of binomial checkpointing; by default 10. */
  snapshots?: number;
}

/** What one way of differentiating costs, the T inner steps included. */
export interface Cost {
  way: 'implicit' | 'reverse' | 'forward' | 'truncated' | 'sqrt' | 'binomial';
  /** Evaluations of the inner gradient. */
  gradients: number;
  /** Products with its derivative, each about as dear as a gradient where the tape is kept. */
  products: number;
  /** What grows with the sizes, at its most. */
  bytes: number;
}

/** Gradients and products together: the time, in units of one gradient. */
export const time = ({ gradients, products }: Cost) => gradients + products;

/**
 * What each way of differentiating a solver costs in time and in memory, counted.
 *
 * With T inner steps, k solver steps, h hyperparameters: implicit `T + k + 1`, flat memory; reverse `2T`,
 * T recorded steps; forward `T + hT`, h tangents; truncated `T + K`, K recorded steps; √T checkpoints
 * `3T`, 2√T; binomial checkpoints `2T` and what their schedule repeats, s states. Memory counts what
 * grows: a state is taken for two vectors, and the solver for five.
 *
 * @throws InputError for an unknown name, and sizes that are not whole or out of range: a condition number
 *   below 1 among them.
 * @see Griewank and Walther, [Evaluating Derivatives](https://doi.org/10.1137/1.9780898717761), 2nd
 *   ed., 2008, chapter 12; Franceschi et al., [Forward and reverse gradient-based hyperparameter
 *   optimization](https://arxiv.org/abs/1703.01785), 2017.
 */
export function costModel(problem: ProblemSize, options: CostOptions = {}): Cost[] {
  checkNoMore('costModel', arguments, 2);
  checkOptionNames('the sizes of costModel', problem, SIZES);
  checkOptionNames('costModel', options, ['solverSteps', 'truncate', 'snapshots']);
  const { parameters, hyperparameters: h, steps: T } = problem;
  checkCount(parameters, 'a number of parameters of', { remedy: 'Count in steps.' });
  checkCount(h, 'a number of hyperparameters of', { remedy: 'Count in steps.' });
  checkCount(T, 'a number of steps of', { remedy: 'Count in steps.' });
  const vector = problem.vectorBytes ?? 4 * parameters;
  const record = problem.recordBytes ?? 4 * vector;
  const state = 2 * vector;
  requireSize(vector, 'vectorBytes');
  requireSize(record, 'recordBytes');
  const k = options.solverSteps ?? solverSteps(problem);
  checkCount(k, 'a number of solver steps of', { least: 0, remedy: 'Count in steps.' });
  if (options.truncate !== undefined)
    checkCount(options.truncate, 'a truncation of', { remedy: 'Count in steps.' });
  const K = Math.min(T, options.truncate ?? Math.ceil(T / 10));
  const checkpointed = (checkpoint: Checkpoint) => {
    const { advanced, states, recorded } = checkpointCost(T, checkpoint);
    return {
      gradients: T + advanced,
      products: T,
      bytes: states * state + recorded * record,
    };
  };
  return [
    { way: 'implicit', gradients: T, products: k + 1, bytes: 5 * vector + record },
    { way: 'reverse', gradients: T, products: T, bytes: state + T * record },
    { way: 'forward', gradients: T, products: h * T, bytes: (1 + h) * state + record },
    { way: 'truncated', gradients: T, products: K, bytes: state + K * record },
    { way: 'sqrt', ...checkpointed('sqrt') },
    { way: 'binomial', ...checkpointed({ snapshots: options.snapshots ?? 10 }) },
  ];
}

function requireSize(bytes: number, what: string): void {
  if (typeof bytes === 'number' && bytes >= 0 && bytes < Number.POSITIVE_INFINITY) return;
  throw new InputError({
    given: `${what}: ${shown(bytes)}`,
    expected: 'a finite number of at least 0',
    remedy: 'Count in bytes, or leave it out.',
  });
}

/**
 * The steps conjugate gradients need for a relative residual ε: `½√κ ln(2√κ/ε)`, at most p.
 *
 * @see Saad, [Iterative Methods for Sparse Linear
 *   Systems](https://www-users.cse.umn.edu/~saad/IterMethBook_2ndEd.pdf), 2nd ed., 2003, §6.11.3;
 *   for the residual the bound on the energy norm grows by √κ.
 */
export function solverSteps(
  { parameters, conditionNumber = Number.POSITIVE_INFINITY }: ProblemSize,
  tolerance = 1e-3,
): number {
  if (!(typeof conditionNumber === 'number' && conditionNumber >= 1)) {
    throw new InputError({
      given: `a condition number of ${shown(conditionNumber)}`,
      expected: 'L/μ, which is at least 1',
      remedy: 'Where κ is written for μ/L, give its inverse.',
    });
  }
  const root = Math.sqrt(conditionNumber);
  return Math.min(parameters, Math.ceil((root / 2) * Math.log((2 * root) / tolerance)));
}
