import { describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { costModel } from './cost-model';
import { type Action, binomial, checkpointCost, schedule, scheduleCost } from './schedule';

/** The fewest forward steps, by trying every place for the next snapshot. */
function fewest(length: number, s: number, known: Map<string, number>): number {
  if (length === 1) return 0;
  if (s === 1) return (length * (length - 1)) / 2;
  const key = `${length},${s}`;
  let best = known.get(key) ?? Number.POSITIVE_INFINITY;
  if (best < Number.POSITIVE_INFINITY) return best;
  for (let m = 1; m < length; m++) {
    best = Math.min(best, m + fewest(length - m, s - 1, known) + fewest(m, s, known));
  }
  known.set(key, best);
  return best;
}

/** Runs a schedule on numbers: fails unless every state used is stored, and steps go backwards. */
function order(actions: Action[], from: number): number[] {
  const stored = new Set([from]);
  const reversed: number[] = [];
  for (const action of actions) {
    if (action.kind === 'free') {
      expect(stored.delete(action.at)).toBe(true);
      continue;
    }
    expect(stored.has(action.from)).toBe(true);
    expect(action.to).toBeGreaterThan(action.from);
    if (action.kind === 'advance') stored.add(action.to);
    else for (let t = action.to; t > action.from; t--) reversed.push(t);
  }
  expect([...stored]).toEqual([from]);
  return reversed;
}

describe('every schedule walks back through every step once, in order', () => {
  const kinds = [
    undefined,
    'sqrt',
    ...[1, 2, 3, 7, 100].map((snapshots) => ({ snapshots })),
  ] as const;
  it.each(kinds)('%j', (checkpoint) => {
    for (const [from, to] of [
      [0, 0],
      [0, 1],
      [0, 2],
      [3, 17],
      [0, 100],
      [5, 128],
    ] as const) {
      const expected = Array.from({ length: to - from }, (_, i) => to - i);
      expect(order(schedule(from, to, checkpoint), from)).toEqual(expected);
    }
  });
});

describe('binomial checkpointing', () => {
  it('takes the fewest steps there are, and keeps to its snapshots', () => {
    const known = new Map<string, number>();
    for (let s = 1; s <= 6; s++) {
      for (let length = 1; length <= 60; length++) {
        const cost = scheduleCost(schedule(0, length, { snapshots: s }));
        expect(cost.advanced, `length ${length}, s ${s}`).toBe(fewest(length, s, known));
        expect(cost.states).toBeLessThanOrEqual(s + 1);
        expect(cost.recorded).toBe(1);
      }
    }
  });

  it('takes rT − C(s + r, r − 1) steps, which is Griewank and Walther', () => {
    for (const s of [3, 5, 10]) {
      for (const length of [2, 50, 286, 1000]) {
        let r = 0;
        while (binomial(s + r, s) < length) r++;
        const { advanced } = scheduleCost(schedule(0, length, { snapshots: s }));
        expect(advanced).toBe(r * length - binomial(s + r, r - 1));
      }
    }
  });

  it('reverses C(s + r, s) steps with no step taken more than r times', () => {
    for (const [s, r, length] of [
      [10, 3, 286],
      [10, 5, 3003],
    ] as const) {
      expect(binomial(s + r, s)).toBe(length);
      const times = new Array<number>(length).fill(0);
      for (const action of schedule(0, length, { snapshots: s })) {
        if (action.kind !== 'advance') continue;
        for (let t = action.from; t < action.to; t++) times[t]!++;
      }
      expect(Math.max(...times)).toBe(r);
    }
  });
});

it('√T checkpointing takes one more pass and 2√T of memory', () => {
  for (const length of [1, 10, 99, 100, 1000]) {
    const root = Math.ceil(Math.sqrt(length));
    const { advanced, states, recorded } = scheduleCost(schedule(0, length, 'sqrt'));
    expect(advanced).toBeLessThanOrEqual(length);
    expect(states).toBeLessThanOrEqual(root);
    expect(recorded).toBeLessThanOrEqual(root);
  }
});

it('refuses what is not a schedule', () => {
  expect(() => schedule(0, 9, { snapshots: 0 })).toThrow(/snapshots of 0/);
  expect(() => schedule(0, 9, 'often' as 'sqrt')).toThrow(/often/);
});

describe('many steps', () => {
  it('are no more calls than one', () => {
    for (const snapshots of [1, 2, 5000]) {
      const T = snapshots === 1 ? 5000 : 20_000;
      const cost = scheduleCost(schedule(0, T, { snapshots }));
      expect(cost).toEqual(checkpointCost(T, { snapshots }));
    }
  });

  it('cost what is counted, without a list of them', () => {
    for (const T of [1, 2, 3, 4, 5, 7, 10, 11, 50, 99, 100, 101, 333]) {
      for (const snapshots of [1, 2, 3, 4, 10, 30, 1000]) {
        const counted = scheduleCost(schedule(0, T, { snapshots }));
        expect(checkpointCost(T, { snapshots })).toEqual(counted);
      }
      expect(checkpointCost(T, 'sqrt')).toEqual(scheduleCost(schedule(0, T, 'sqrt')));
    }
    const sizes = { parameters: 10, hyperparameters: 1, steps: 1e12 };
    const costs = costModel(sizes, { snapshots: 1 });
    expect(costs.find(({ way }) => way === 'binomial')!.gradients).toBeCloseTo(5e23 + 5e11, -9);
  });

  it('are walked back by actions, and by nothing else', () => {
    expect(() => scheduleCost([{ kind: 'go' } as never])).toThrow(InputError);
    expect(() => scheduleCost([{ kind: 'advance', from: 0 } as never])).toThrow(InputError);
  });
});
