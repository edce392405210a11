import { describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { chooseDifferentiation, type DifferentiationProblem } from './choose-differentiation';
import { costModel, solverSteps, time } from './cost-model';

const base: DifferentiationProblem = {
  parameters: 1000,
  hyperparameters: 1000,
  steps: 100,
  conditionNumber: 100,
  converged: true,
  stronglyConvex: true,
};
const choose = (change: Partial<DifferentiationProblem>) =>
  chooseDifferentiation({ ...base, ...change });

describe('the cost model', () => {
  it('counts as by hand, T = 100, h = 3, k = 7, p = 10', () => {
    const costs = costModel(
      { parameters: 10, hyperparameters: 3, steps: 100 },
      { solverSteps: 7, truncate: 20, snapshots: 100 },
    );
    const [vector, state, record] = [40, 80, 160];
    expect(costs).toEqual([
      { way: 'implicit', gradients: 100, products: 8, bytes: 5 * vector + record },
      { way: 'reverse', gradients: 100, products: 100, bytes: state + 100 * record },
      { way: 'forward', gradients: 100, products: 300, bytes: 4 * state + record },
      { way: 'truncated', gradients: 100, products: 20, bytes: state + 20 * record },
      { way: 'sqrt', gradients: 190, products: 100, bytes: 10 * state + 10 * record },
      { way: 'binomial', gradients: 199, products: 100, bytes: 100 * state + record },
    ]);
    expect(costs.map(time)).toEqual([108, 200, 400, 120, 290, 299]);
  });

  it('expects ½√κ ln(2√κ/ε) steps of conjugate gradients, at most one a weight', () => {
    const size = { parameters: 1000, hyperparameters: 1, steps: 1 };
    expect(solverSteps({ ...size, conditionNumber: 100 }, 1e-3)).toBe(50);
    expect(solverSteps({ ...size, parameters: 20, conditionNumber: 1e6 })).toBe(20);
    expect(solverSteps(size)).toBe(1000);
  });
});

describe('the advice', () => {
  it.each<[string, Partial<DifferentiationProblem>, object]>([
    ['a solved, strongly convex problem', {}, { how: 'implicit' }],
    ['the same, ill-conditioned', { conditionNumber: 1e6 }, { how: 'implicit' }],
    ['early stopping', { converged: false }, { how: 'unrolled', options: { mode: 'reverse' } }],
    [
      'early stopping with one hyperparameter',
      { converged: false, hyperparameters: 1 },
      { how: 'unrolled', options: { mode: 'forward' } },
    ],
    ['a nonconvex inner problem', { stronglyConvex: false }, { how: 'unrolled' }],
    ['minibatches', { stochastic: true }, { how: 'unrolled' }],
    ['a step length', { actsThroughIteration: true }, { how: 'unrolled' }],
    [
      'little memory',
      { converged: false, memoryBytes: 200_000 },
      { how: 'unrolled', options: { checkpoint: { snapshots: 22 } } },
    ],
    [
      'hardly any memory',
      { converged: false, memoryBytes: 26_000 },
      { how: 'unrolled', options: { truncate: 1 } },
    ],
  ])('for %s', (_, change, expected) => {
    expect(choose(change)).toMatchObject(expected);
  });

  it('gives its reasons', () => {
    expect(choose({}).reasons.join(' ')).toMatch(/one linear solve \(about 51 products\)/);
    expect(choose({ conditionNumber: 1e6 }).reasons.join(' ')).toMatch(/precondition/);
    expect(choose({ stochastic: true }).reasons.join(' ')).toMatch(/fresh batches/);
    expect(choose({ stronglyConvex: false }).reasons[0]).toMatch(/not positive definite/);
    expect(choose({ converged: false }).reasons.join(' ')).toMatch(/burn-in/);
    expect(choose({ converged: false, steps: 1000 }).reasons.join(' ')).not.toMatch(/burn-in/);
    const { conditionNumber: _, ...unknown } = base;
    expect(chooseDifferentiation(unknown).reasons.join(' ')).toMatch(/not known/);
  });

  it('never picks an exact way that does not fit, nor one slower than another that does', () => {
    for (const memoryBytes of [40_000, 60_000, 100_000, 400_000, 1e6, 1e7]) {
      for (const hyperparameters of [1, 2, 5, 50]) {
        const { options, costs } = choose({ converged: false, memoryBytes, hyperparameters });
        const way =
          options.mode ??
          (options.truncate ? 'truncated' : options.checkpoint === 'sqrt' ? 'sqrt' : 'binomial');
        const chosen = costs.find((cost) => cost.way === way)!;
        if (way === 'truncated') continue;
        expect(chosen.bytes).toBeLessThanOrEqual(memoryBytes);
        for (const cost of costs) {
          if (['implicit', 'truncated'].includes(cost.way) || cost.bytes > memoryBytes) continue;
          expect(time(chosen)).toBeLessThanOrEqual(time(cost));
        }
      }
    }
  });

  it.each<[Partial<DifferentiationProblem>, RegExp]>([
    [{ parameters: 0 }, /parameters of 0/],
    [{ hyperparameters: 1.5 }, /1\.5/],
    [{ steps: -1 }, /steps of -1/],
    [{ conditionNumber: 0.01 }, /its inverse/],
    [{ memoryBytes: 0 }, /memory of 0/],
  ])('refuses %j', (change, message) => {
    expect(() => choose(change)).toThrow(message);
  });
});

it('rests on facts that are true or false', () => {
  const sizes = { parameters: 10, hyperparameters: 1, steps: 5 };
  const facts = { converged: true, stronglyConvex: true };
  expect(chooseDifferentiation({ ...sizes, ...facts }).how).toBe('implicit');
  for (const wrong of [{ converged: 'no' }, { stronglyConvex: undefined }, { stochastic: 1 }]) {
    const problem = { ...sizes, ...facts, ...wrong } as never;
    expect(() => chooseDifferentiation(problem)).toThrow(InputError);
  }
});
