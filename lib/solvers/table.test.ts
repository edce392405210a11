import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { random } from '../numbers';
import { float64, type LinearOperator, type NamedTensors, tensors } from '../spaces';
import { cg, cgNormal, dense, fixedPoint, gmres, type LinearSolver, minres, neumann } from '.';

/*
 * Every problem × every solver, in both spaces and by masks. A solver made for a problem must solve
 * it; any other must say the truth about what it returns.
 */

type Matrix = number[][];

interface Problem {
  name: string;
  A: Matrix;
  b: Float64Array;
  /** Whose problem it is: which solvers must converge. */
  solvedBy: string[];
  /** The condition number, by which errors exceed residuals; none where x is not unique. */
  condition?: number;
  /** Too hard for float32: truth is asked for, not success. */
  double?: true;
}

const matrix = (n: number, entry: (i: number, j: number) => number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => entry(i, j)));
const times = (A: Matrix, x: Float64Array) =>
  Float64Array.from(A, (row) => row.reduce((sum, a, j) => sum + a * x[j]!, 0));
const norm = (x: Float64Array) => Math.hypot(...x);
const between = (n: number, from: number, to: number) =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

/** A symmetric matrix with these eigenvalues, its eigenvectors random. */
function symmetric(eigenvalues: number[], seed: number): Matrix {
  const n = eigenvalues.length;
  const draw = random(seed);
  const Q: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    let q = draw.normals(n);
    for (const other of [...Q, ...Q]) q = float64.axpy(-float64.dot(q, other), other, q);
    Q.push(float64.scale(1 / norm(q), q));
  }
  return matrix(n, (i, j) => Q.reduce((sum, q, k) => sum + eigenvalues[k]! * q[i]! * q[j]!, 0));
}

function randomMatrix(n: number, seed: number): Matrix {
  const draw = random(seed);
  return matrix(n, () => draw.normal());
}

const solutionOf = (n: number) => random(77).normals(n);
const givenSolution = (A: Matrix) => ({ A, b: times(A, solutionOf(A.length)) });

const any = ['dense', 'gmres', 'cgNormal'];
const symmetricOnes = [...any, 'minres'];
const definite = [...symmetricOnes, 'cg'];
const rank15 = symmetric([...Array(5).fill(0), ...between(15, 0.1, 1)], 5);

const problems: Problem[] = [
  {
    name: 'the identity',
    ...givenSolution(matrix(10, (i, j) => (i === j ? 1 : 0))),
    solvedBy: [...definite, 'neumann', 'fixedPoint'],
    condition: 1,
  },
  {
    name: 'spectrum in [.5, 1]',
    ...givenSolution(symmetric(between(30, 0.5, 1), 1)),
    solvedBy: [...definite, 'neumann', 'fixedPoint'],
    condition: 2,
  },
  {
    name: 'condition 1e4',
    ...givenSolution(symmetric(between(30, 1e-4, 1), 2)),
    solvedBy: definite,
    condition: 1e4,
  },
  {
    name: 'condition 1e8',
    ...givenSolution(
      symmetric(
        between(30, -8, 0).map((e) => 10 ** e),
        3,
      ),
    ),
    solvedBy: ['dense', 'gmres', 'minres', 'cg'],
    condition: 1e8,
    double: true,
  },
  {
    name: 'the Hilbert matrix of order 8',
    ...givenSolution(matrix(8, (i, j) => 1 / (i + j + 1))),
    solvedBy: definite,
    double: true,
  },
  {
    name: 'the Hilbert matrix of order 12 and a b far from its range',
    A: matrix(12, (i, j) => 1 / (i + j + 1)),
    b: random(2).normals(12),
    solvedBy: [],
    double: true,
  },
  {
    name: 'indefinite, spectrum in [−1, 1.1]',
    ...givenSolution(symmetric(between(30, -1, 1.1), 4)),
    solvedBy: symmetricOnes,
    condition: 100,
  },
  {
    name: 'negative definite',
    ...givenSolution(symmetric(between(10, -1, -0.1), 4)),
    solvedBy: symmetricOnes,
    condition: 10,
  },
  {
    name: 'a swap, with bᵀAb = 0',
    A: [
      [0, 1],
      [1, 0],
    ],
    b: Float64Array.of(1, 0),
    solvedBy: symmetricOnes,
    condition: 1,
  },
  {
    name: 'a rotation, with xᵀAx = 0 for all x',
    A: [
      [0, 1],
      [-1, 0],
    ],
    b: Float64Array.of(1, 0),
    solvedBy: any,
    condition: 1,
  },
  {
    name: 'singular, with a solution',
    ...givenSolution(rank15),
    solvedBy: definite,
  },
  {
    name: 'singular, without a solution',
    A: rank15,
    b: random(3).normals(20),
    solvedBy: [],
  },
  { name: 'zero', A: matrix(3, () => 0), b: Float64Array.of(1, 2, 3), solvedBy: [] },
  {
    name: 'not symmetric, near the identity',
    ...givenSolution(
      randomMatrix(30, 6).map((row, i) =>
        row.map((a, j) => (0.4 * a) / Math.sqrt(30) + (i === j ? 1 : 0)),
      ),
    ),
    solvedBy: [...any, 'fixedPoint'],
    condition: 10,
  },
  {
    name: 'a random matrix',
    ...givenSolution(randomMatrix(30, 8)),
    solvedBy: any,
    condition: 300,
  },
  {
    name: 'a cyclic shift, on which residuals stand still until the last step',
    A: matrix(20, (i, j) => ((i + 1) % 20 === j ? 1 : 0)),
    b: Float64Array.from({ length: 20 }, (_, i) => (i === 0 ? 1 : 0)),
    solvedBy: any,
    condition: 1,
  },
  {
    name: 'a Jordan block, on which fixed points overshoot first',
    ...givenSolution(matrix(20, (i, j) => (i === j ? 1 : j === i + 1 ? 1.2 : 0))),
    solvedBy: any,
    condition: 1e3,
  },
  {
    name: 'a tiny A',
    ...givenSolution(symmetric(between(20, 1e-21, 1e-20), 9)),
    solvedBy: definite.filter((name) => name !== 'cgNormal'),
    condition: 10,
  },
  {
    name: 'a b whose squares vanish in float32',
    A: symmetric(between(20, 0.5, 1), 10),
    b: float64.scale(1e-30, random(4).normals(20)),
    solvedBy: [...definite, 'neumann', 'fixedPoint'],
    condition: 2,
  },
  {
    name: 'a b whose squares overflow in float32',
    A: symmetric(between(20, 0.5, 1), 10),
    b: float64.scale(1e30, random(4).normals(20)),
    solvedBy: [...definite, 'neumann', 'fixedPoint'],
    condition: 2,
  },
];

const TOLERANCES = { float64: 1e-10, tensors: 1e-4 };
/** What rounding may add to a residual computed twice, relative to `‖A‖ ‖x‖ + ‖b‖`. */
const ROUNDING = { float64: 1e-14, tensors: 1e-5 };

const solvers = (tolerance: number, maxIterations: number): LinearSolver[] => [
  cg({ tolerance, maxIterations }),
  cgNormal({ tolerance, maxIterations }),
  minres({ tolerance, maxIterations }),
  gmres({ tolerance, maxIterations }),
  neumann({ tolerance, terms: 60 }),
  fixedPoint({ tolerance, maxIterations: 60 }),
  dense({ tolerance }),
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  vi.restoreAllMocks();
});

const transposed = (A: Matrix) => A[0]!.map((_, j) => A.map((row) => row[j]!));
const onArrays = (A: Matrix): LinearOperator<Float64Array> => ({
  apply: (v) => times(A, v),
  transpose: (v) => times(transposed(A), v),
  dispose() {},
});
/** The same on vectors split in two named parts, to see that both count. */
function onTensors(A: Matrix): LinearOperator<NamedTensors> {
  const n = A.length;
  const matrix = tf.tensor2d(A);
  const product = (v: NamedTensors, transpose: boolean) =>
    tf.tidy(() => {
      const all = tf.concat([v.head!, tf.reshape(v.tail!, [n - 1])]);
      return split(tf.reshape(tf.matMul(matrix, tf.reshape(all, [n, 1]), transpose), [n]));
    });
  return {
    apply: (v) => product(v, false),
    transpose: (v) => product(v, true),
    dispose: () => matrix.dispose(),
  };
}
const split = (all: tf.Tensor): NamedTensors => {
  const n = all.shape[0]!;
  return { head: tf.slice(all, 0, 1), tail: tf.reshape(tf.slice(all, 1, n - 1), [1, n - 1]) };
};
const numbersOf = (x: NamedTensors) =>
  Float64Array.from([...x.head!.dataSync(), ...x.tail!.dataSync()]);

type Outcome = { x: Float64Array; status: string; residualNorm: number; iterations: number };

function judge(
  problem: Problem,
  solver: LinearSolver,
  outcome: Outcome,
  space: 'float64' | 'tensors',
) {
  const { A, b, solvedBy, condition, double } = problem;
  const { x, status, residualNorm } = outcome;
  const tolerance = TOLERANCES[space];
  const bNorm = norm(b);
  const size = Math.sqrt(A.flat().reduce((sum, a) => sum + a * a, 0));

  expect([...x].every(Number.isFinite)).toBe(true);
  const truth = norm(float64.subtract(b, times(A, x)));
  const rounding = ROUNDING[space] * (size * norm(x) + bNorm);
  expect(Math.abs(residualNorm - truth)).toBeLessThanOrEqual(rounding);
  expect(residualNorm).toBeLessThanOrEqual(1.01 * bNorm);
  if (status === 'converged') expect(truth).toBeLessThanOrEqual(2 * tolerance * bNorm + rounding);

  if (solvedBy.includes(solver.name) && !(double && space === 'tensors')) {
    expect(status).toBe('converged');
    if (condition !== undefined) {
      const xTrue = dense().solveSync(onArrays(A), b).value;
      const error = norm(float64.subtract(x, xTrue)) / norm(xTrue);
      expect(error).toBeLessThanOrEqual(2 * condition * tolerance + ROUNDING[space] * condition);
    }
  }
}

describe.each(problems)('$name', (problem) => {
  it.each(solvers(TOLERANCES.float64, 400))('on arrays: $name', async (solver) => {
    const { value: x, ...report } = await solver.solve(onArrays(problem.A), problem.b);
    judge(problem, solver, { x, ...report }, 'float64');
  });

  it.each(solvers(TOLERANCES.tensors, 100))('on tensors: $name', async (solver) => {
    const A = onTensors(problem.A);
    const b = tf.tidy(() => split(tf.tensor1d([...problem.b])));
    const before = tf.memory().numTensors;
    const { value, ...report } = await solver.solve(A, b);
    const x = numbersOf(value);
    tensors.free(value);
    expect(tf.memory().numTensors).toBe(before);
    judge(problem, solver, { x, ...report }, 'tensors');

    tf.tidy(() => {
      expect(numbersOf(solver.solveSync(A, b).value)).toEqual(x);
    });
    expect(tf.memory().numTensors).toBe(before);
    tensors.free(b);
    A.dispose();
  });

  const iterative = solvers(TOLERANCES.tensors, 50).filter(({ name }) => name !== 'dense');
  it.each(iterative)('by masks, without a readback: $name', async (solver) => {
    const A = onTensors(problem.A);
    const b = tf.tidy(() => split(tf.tensor1d([...problem.b])));
    const before = tf.memory().numTensors;
    vi.spyOn(tensors, 'readableNow').mockReturnValue(false);
    const deferred = solver.solveDeferred(A, b);
    const report = await deferred.report();
    vi.restoreAllMocks();
    const x = numbersOf(deferred.value);
    tensors.free(deferred.value);
    expect(tf.memory().numTensors).toBe(before);
    const { solvedBy } = problem;
    // Nothing is verified on the way, so what takes restarts elsewhere need not succeed here.
    judge({ ...problem, solvedBy: [] }, solver, { x, ...report }, 'tensors');
    if (solvedBy.includes(solver.name) && !problem.double) expect(report.status).toBe('converged');
    tensors.free(b);
  });
});
