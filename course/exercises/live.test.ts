import { expect, it } from 'vitest';
import { measuredRun, type Training } from './catalogue/training';
import { growth } from './live';

it('counts new buffers where objects are given back', () => {
  expect(growth({ objects: 9e6, buffers: 1e6 }, { objects: 2e6, buffers: 3e6 })).toBe(2e6);
  expect(growth({ objects: 2e6, buffers: 1e6 }, { objects: 3e6, buffers: 3e6 })).toBe(3e6);
  expect(growth({ objects: 2e6, buffers: 3e6 }, { objects: 5e6, buffers: 1e6 })).toBe(1e6);
});

it('finds all states kept in a run during which the engine gives back as much', async () => {
  let others: number[][] = [];
  const keepAll = ({ start, steps, eta, gradient, outer }: Training) => {
    others = Array.from({ length: 300 }, () => Array.from({ length: 1000 }, Math.random));
    const states = [start];
    for (let t = 0; t < steps; t++) {
      const slope = gradient(states.at(-1)!);
      states.push(states.at(-1)!.map((value, i) => value - eta * slope[i]!));
      others = [];
    }
    outer(states.at(-1)!);
    return states.length;
  };
  const { kept, steps } = await measuredRun(1, keepAll, 20);
  expect(kept).toBeGreaterThan(0.9 * steps);
  expect(others).toEqual([]);
});
