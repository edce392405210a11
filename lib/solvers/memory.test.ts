import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../backends';
import type { NamedTensors } from '../spaces';
import { cg, cgNormal, fixedPoint, gmres, type LinearSolver, minres, neumann } from '.';

const SIZE = 1000;

beforeAll(() => useBackend('cpu'));

// The numbers are those of the table in README.md.
it.each<[string, LinearSolver, number]>([
  ['cg', cg({ tolerance: 0, maxIterations: 20 }), 3],
  ['minres', minres({ tolerance: 0, maxIterations: 20 }), 8],
  ['gmres, restarted after 4', gmres({ tolerance: 0, maxIterations: 20, restart: 4 }), 2 * 4 + 3],
  ['gmres, restarted after 7', gmres({ tolerance: 0, maxIterations: 20, restart: 7 }), 2 * 7 + 3],
  ['cgNormal', cgNormal({ tolerance: 0, maxIterations: 20 }), 6],
  ['fixedPoint', fixedPoint({ tolerance: 0, maxIterations: 20 }), 2],
  ['neumann', neumann({ terms: 20, scale: 0.5 }), 2],
])('%s holds as many vectors as is said from one iteration to the next', (_, solver, vectors) => {
  const diagonal = tf.linspace(0.1, 1.5, SIZE);
  const before = tf.memory().numBytes;
  const b = { x: tf.ones([SIZE]) };
  let most = 0;
  const A = {
    apply({ x }: NamedTensors) {
      most = Math.max(most, tf.memory().numBytes - before);
      return { x: tf.mul(x!, diagonal) };
    },
    dispose() {},
  };
  const { value } = solver.solveSync(A, b);
  // Besides b; scalars are less than a hundredth of a vector.
  expect(Math.round((100 * most) / (4 * SIZE)) / 100).toBeCloseTo(1 + vectors, 0);
  tf.dispose([value, b, diagonal]);
});
