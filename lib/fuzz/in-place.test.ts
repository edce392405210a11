import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  adam,
  bilevel,
  bilevelLogistic,
  cg,
  cgNormal,
  chebyshev,
  classificationData,
  type DerivativeProblem,
  dense,
  eigenvalues,
  gmres,
  gradientDescent,
  heavyBall,
  hypergradient,
  implicit,
  type LinearOperator,
  type LinearSolver,
  logisticRegression,
  minres,
  nesterov,
  neumann,
  nystrom,
  type SolvedProblem,
  sobolev,
  solvePositive,
  type UnrolledOptions,
  unroll,
  unrolled,
  type ValuedProblem,
  type Vector,
} from '..';

// Users who save memory write products into an array that they have already: the last product, or the argument.
type Habit = 'into the same array' | 'in place';
const habits: Habit[] = ['into the same array', 'in place'];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Functions that keep the habit: what `f` gives is written into an array that is not new. */
function habitOf(habit: Habit) {
  const kept = new Map<string, Float64Array>();
  return (name: string, argument: Float64Array, f: (x: Float64Array) => Float64Array) => {
    const value = f(argument.slice());
    if (habit === 'in place') {
      argument.fill(7);
      if (argument.length !== value.length) return value;
      argument.set(value);
      return argument;
    }
    const array = kept.get(name) ?? new Float64Array(value.length);
    kept.set(name, array);
    array.set(value);
    return array;
  };
}

type Inner = Pick<SolvedProblem, 'innerGradient' | 'innerHessian' | 'innerMixed'>;

function innerWith(habit: Habit, inner: Inner): Inner {
  const write = habitOf(habit);
  return {
    innerGradient: (w, λ, t) => write('g', w, (w) => inner.innerGradient(w, λ.slice(), t)),
    innerHessian(w, λ, t) {
      const H = inner.innerHessian(w.slice(), λ.slice(), t);
      w.fill(7);
      return { apply: (v) => write('H', v, (v) => H.apply(v)), dispose() {} };
    },
    innerMixed(w, λ, t) {
      const B = inner.innerMixed(w.slice(), λ.slice(), t);
      w.fill(7);
      λ.fill(7);
      return {
        jvp: (v) => write('Bv', v, (v) => B.jvp(v)),
        vjp: (u) => write('Bu', u, (u) => B.vjp(u)),
      };
    },
  };
}

const data = classificationData({ train: 20, validation: 20, features: 3, seed: 1 });
const known = bilevelLogistic(data, { penalty: 'per-weight' });
const λ = Float64Array.of(0.3, 0.5, 0.7);

function problemWith(habit: Habit): DerivativeProblem & ValuedProblem {
  const write = habitOf(habit);
  return {
    ...innerWith(habit, known),
    inner(w, λ) {
      const value = known.inner(w, λ);
      w.fill(7);
      λ.fill(7);
      return value;
    },
    outer(w, λ) {
      const { value, dw, dλ } = known.outer(w.slice(), λ.slice());
      return { value, dw: write('dw', w, () => dw), dλ: write('dλ', λ, () => dλ) };
    },
  };
}

const solvers: LinearSolver[] = [
  ...[cg, minres, gmres].map((solver) => solver({ tolerance: 1e-12, maxIterations: 50 })),
  cgNormal({ tolerance: 1e-12, maxIterations: 80 }),
  neumann({ terms: 500, scale: 1 }),
  dense(),
];

const near = (value: Float64Array, expected: Float64Array) => {
  expect(value).toHaveLength(expected.length);
  for (const [i, x] of value.entries()) expect(x).toBeCloseTo(expected[i]!, 9);
};

describe.each(habits)('a problem that writes %s', (habit) => {
  const problem = problemWith(habit);
  it.each(solvers)('has its implicit derivative, with $name', async (solver) => {
    const [w, at] = [known.solution(λ), λ.slice()];
    const how = implicit({ solver });
    const expected = await hypergradient(known, w.slice(), at.slice(), how);
    const { value } = await hypergradient(problem, w, at, how);
    near(value, expected.value);
    expect([w, at]).toEqual([known.solution(λ), λ]);
  });

  const spectrum = { mu: 0.3, L: 2 };
  const modes: Partial<UnrolledOptions<Float64Array>>[] = [
    {},
    { mode: 'forward' },
    { checkpoint: 'sqrt' },
    { truncate: 3 },
  ];
  it.each([gradientDescent(), heavyBall(), nesterov(), adam(0.1), sobolev({ eta: 1 })])(
    'has its unrolled derivative, by $name',
    async (method) => {
      for (const mode of modes) {
        const how = unrolled<Float64Array>({ method, steps: 7, spectrum, ...mode });
        const expected = await hypergradient(known, new Float64Array(3), λ, how);
        const found = await hypergradient(problem, new Float64Array(3), λ.slice(), how);
        near(found.value, expected.value);
        near(found.w, expected.w);
      }
    },
  );

  it('is solved by bilevel', async () => {
    const last = async (problem: DerivativeProblem & ValuedProblem) => {
      const run = bilevel(problem, {
        w: new Float64Array(3),
        λ: λ.slice(),
        inner: { optimizer: gradientDescent(0.3), steps: 5 },
        outer: { optimizer: gradientDescent(0.1) },
        how: implicit({ solver: cg({ tolerance: 1e-10 }) }),
        steps: 3,
      });
      for await (const _ of run);
      const found = run.λ.slice();
      run.dispose();
      return found;
    };
    near(await last(problem), await last(known));
  });

  it.each([gradientDescent(), chebyshev(), adam(0.1), sobolev()])(
    'is unrolled by $name',
    (method) => {
      const solved = logisticRegression({ ...data.train, lambda: 0.3 });
      const same = { ...solved, ...innerWith(habit, solved) };
      for (const mode of ['forward', 'reverse'] as const) {
        const expected = unroll(method, solved, { steps: 6, mode });
        const found = unroll(method, same, { steps: 6, mode });
        for (const t of [0, 3, 6]) {
          near(found.iterates[t]!, expected.iterates[t]!);
          near(found.jacobians[t]![0]!, expected.jacobians[t]![0]!);
        }
      }
      expect([...solved.start.x]).toEqual([0, 0, 0]);
    },
  );
});

describe.each(habits)('an operator that writes %s', (habit) => {
  const multiply = ([a, b, c]: Float64Array) =>
    Float64Array.of(4 * a! + b!, a! + 3 * b! + c!, b! + 2 * c!);
  const write = habitOf(habit);
  const A: LinearOperator<Float64Array> = {
    apply: (v) => write('A', v, multiply),
    dispose() {},
  };
  const b = Float64Array.of(1, 2, 3);
  const x = Float64Array.of(2 / 9, 1 / 9, 13 / 9);

  it.each(solvers.filter(({ name }) => name !== 'neumann'))(
    'is solved by $name',
    async (solver) => {
      near((await solver.solve(A, b)).value, x);
      near(solver.solveSync(A, b).value, x);
      expect([...b]).toEqual([1, 2, 3]);
    },
  );

  it('is solved by solvePositive, and serves as a preconditioner', async () => {
    near(solvePositive(A, b), x);
    const preconditioner = A as unknown as LinearOperator<Vector>;
    near(
      (await cg({ preconditioner, tolerance: 1e-12 }).solve({ apply: multiply, dispose() {} }, b))
        .value,
      x,
    );
  });

  it('has its eigenvalues and its Nyström approximation', async () => {
    const plain: LinearOperator<Float64Array> = { apply: multiply, dispose() {} };
    const values = async (A: LinearOperator<Float64Array>) =>
      (await eigenvalues(A, { largest: 3, like: b })).values;
    near(Float64Array.from(await values(A)), Float64Array.from(await values(plain)));
    const inverse = async (A: LinearOperator<Float64Array>) =>
      (await nystrom(A, b, { rank: 3, damping: 0.1 })).apply(b);
    near(await inverse(A), await inverse(plain));
  });
});
