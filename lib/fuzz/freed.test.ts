import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as il from '..';

/** Arguments that their holder frees or overwrites while an asynchronous function works with them. */

beforeAll(async () => {
  await il.useBackend(process.env.FUZZ_BACKEND === 'cpu' ? 'cpu' : 'wasm', { threads: 1 });
});

/** The moments, in turns of the queue of promises, at which arguments go. */
const moments = [0, 1, 3, 9, 30];

const numbersIn = (x: unknown): number[] => {
  if (x instanceof tf.Tensor) return [...x.dataSync()];
  if (x instanceof Float64Array) return [...x];
  return x !== null && typeof x === 'object' ? Object.values(x).flatMap(numbersIn) : [];
};
/** What a call has found, as numbers; whatever it returned is freed. */
const found = (x: unknown): number[] => {
  const numbers = numbersIn(x);
  tf.dispose(x as tf.TensorContainer);
  return numbers;
};
async function after<T>(moment: number, promise: Promise<T>, change: () => void): Promise<T> {
  for (let i = 0; i < moment; i++) await null;
  change();
  return promise;
}

const matrix = [
  [4, 1],
  [1, 3],
] as const;
const onTensors = {
  apply: ({ w }: il.NamedTensors) => ({
    w: tf.tidy(() =>
      tf.reshape(tf.matMul([[...matrix[0]], [...matrix[1]]], tf.reshape(w!, [2, 1])), [2]),
    ),
  }),
  dispose() {},
};
const onNumbers = {
  apply: (v: Float64Array) => Float64Array.from(matrix, ([a, b]) => a * v[0]! + b * v[1]!),
  dispose() {},
};
const inner = ({ w }: il.NamedTensors, { l }: il.NamedTensors) =>
  tf.add(tf.sum(tf.square(tf.sub(w!, 1))), tf.mul(tf.exp(l!), tf.sum(tf.square(w!)))) as tf.Scalar;
const outer = ({ w }: il.NamedTensors) => tf.sum(tf.square(tf.sub(w!, 2))) as tf.Scalar;
const problem = { inner, outer };
const loss = ({ w }: il.NamedTensors) => tf.sum(tf.square(tf.square(w!))) as tf.Scalar;

type Arguments = Record<string, il.NamedTensors>;
const vector = (...numbers: number[]) => ({ w: tf.tensor1d(numbers) });
const pair = (): Arguments => ({ w: vector(0.5, 0.2), λ: { l: tf.scalar(-2) } });
const way = (how: il.Differentiation): [() => Arguments, (of: Arguments) => Promise<unknown>] => [
  pair,
  async ({ w, λ }) => {
    const { value, adjoint, ...rest } = await il.hypergradient(problem, w!, λ!, how);
    tf.dispose([adjoint, 'w' in rest ? rest.w : undefined] as tf.TensorContainer);
    return value;
  },
];
const solve = (solver: il.LinearSolver): [() => Arguments, (of: Arguments) => Promise<unknown>] => [
  () => ({ b: vector(1, 2), start: vector(0.1, 0) }),
  async ({ b, start }) => (await solver.solve(onTensors, b!, { start: start! })).value,
];

const calls: Record<string, [() => Arguments, (of: Arguments) => Promise<unknown>]> = {
  ...Object.fromEntries(
    [il.cg(), il.minres(), il.gmres(), il.cgNormal(), il.dense(), il.neumann({ terms: 9 })].map(
      (solver) => [`${solver.name}().solve`, solve(solver)],
    ),
  ),
  ...Object.fromEntries(
    [il.cg(), il.gmres(), il.dense()].map((solver) => [
      `solveMany by ${solver.name}`,
      [
        () => ({ first: vector(1, 2), second: vector(0, 1) }),
        async ({ first, second }: Arguments) =>
          (await il.solveMany(onTensors, [first!, second!], { solver })).map(({ value }) => value),
      ],
    ]),
  ),
  'hypergradient by cg': way(il.implicit({ solver: il.cg() })),
  'hypergradient by dense': way(il.implicit({ solver: il.dense() })),
  'hypergradient unrolled': way(il.unrolled({ method: il.gradientDescent(0.1), steps: 4 })),
  'hypergradient by checkpoints': way(
    il.unrolled({ method: il.adam(0.1), steps: 6, checkpoint: 'sqrt' }),
  ),
  'hypergradient forwards': way(il.unrolled({ method: il.adam(0.1), steps: 4, mode: 'forward' })),
  'hypergradient with a learned rate': way(
    il.unrolled({ method: ({ l }) => il.gradientDescent(tf.exp(l!)), steps: 4 }),
  ),
  proximalStep: [
    () => ({ x: vector(0.5, 0.2) }),
    async ({ x }) => {
      const problem = { loss, curvatureAt: (y: il.NamedTensors) => il.hessian(loss, y) };
      return (await il.proximalStep(problem, x!, 0.5, { solver: il.cg() })).value;
    },
  ],
  argminAsync: [
    () => ({ of: { θ: tf.tensor1d([1, 2]) } }),
    async ({ of }) => {
      const solve = async (θ: tf.Tensor) => tf.tidy(() => tf.mul(θ, 2));
      const root = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, tf.mul(2, θ));
      const solution = await il.argminAsync(solve as never, root as never)(of!.θ!);
      const u = tf.tensor1d([1, 3]);
      const pulled = solution.pullBack(u as never);
      u.dispose();
      const all = await pulled;
      solution.dispose();
      return all;
    },
  ],
  'powerIteration, eigenvalues, trace, nystrom': [
    () => ({ like: vector(1, 0) }),
    async ({ like }) => {
      const [value, { values }, { value: sum }, M] = await Promise.all([
        il.powerIteration(onTensors, like!),
        il.eigenvalues(onTensors, { largest: 1, like: like! }),
        il.trace(onTensors, { like: like!, probes: 1 }),
        il.nystrom(onTensors, like!, { rank: 2, damping: 0.1 }),
      ]);
      const v = vector(1, 2);
      const product = M.apply(v);
      tf.dispose(v);
      M.dispose();
      return { all: Float64Array.of(value, sum, ...values), product };
    },
  ],
};

describe('tensors that are freed meanwhile are computed with all the same', () => {
  it.each(Object.entries(calls))('%s', async (_, [make, call]) => {
    const given = make();
    // Twice: the second time a program may be known.
    found(await call(given));
    const expected = found(await call(given));
    tf.dispose(given as tf.TensorContainer);
    for (const moment of moments) {
      const before = tf.memory().numTensors;
      const args = make();
      const got = found(
        await after(moment, call(args), () => tf.dispose(args as tf.TensorContainer)),
      );
      expect(got).toHaveLength(expected.length);
      got.forEach((number, i) => {
        expect(number).toBeCloseTo(expected[i]!, 5);
      });
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});

describe('so are numbers that are overwritten', () => {
  const ridge = il.bilevelRidge({
    ...{ train: { X: [Float64Array.of(1, 2), Float64Array.of(0, 1)], y: Float64Array.of(1, 2) } },
    validation: { X: [Float64Array.of(1, 1)], y: Float64Array.of(2) },
  });
  const f = (y: Float64Array) => Float64Array.of(-50 * y[0]!, -y[1]!);
  const span = { to: 1, step: 0.01 };
  const onOne: Record<string, (v: Float64Array) => Promise<unknown>> = {
    ...Object.fromEntries(
      [il.cg(), il.minres(), il.gmres(), il.cgNormal(), il.dense(), il.neumann({ terms: 9 })].map(
        (solver) => [
          `${solver.name}().solve`,
          async (b: Float64Array) => (await solver.solve(onNumbers, b)).value,
        ],
      ),
    ),
    'solveMany by cg': (b) => il.solveMany(onNumbers, [b, b.map((x) => x + 1)]),
    radauAsync: async (y) => il.finalState(await il.radauAsync(f, y, { to: 1 })),
    backwardEulerAsync: async (y) => il.finalState(await il.backwardEulerAsync(f, y, span)),
    forwardEulerAsync: async (y) => il.finalState(await il.forwardEulerAsync(f, y, span)),
    hypergradient: async (w) =>
      (await il.hypergradient(ridge, w, Float64Array.of(0, 1), il.implicit())).value,
    'hypergradient unrolled': async (w) => {
      const how = il.unrolled({ method: il.gradientDescent(0.1), steps: 5 });
      return (await il.hypergradient(ridge, w, Float64Array.of(0, 1), how)).value;
    },
  };

  it.each(Object.entries(onOne))('%s', async (_, call) => {
    const expected = numbersIn(await call(Float64Array.of(1, 2)));
    for (const moment of moments) {
      const v = Float64Array.of(1, 2);
      expect(numbersIn(await after(moment, call(v), () => v.fill(7)))).toEqual(expected);
    }
  });

  it('a list that grows or shrinks', async () => {
    const solver = il.gmres();
    for (const change of [(bs: unknown[]) => bs.pop(), (bs: unknown[]) => bs.push(bs[0])]) {
      const bs = [Float64Array.of(1, 2), Float64Array.of(0, 1)];
      const solutions = await after(1, il.solveMany(onNumbers, bs, { solver }), () => change(bs));
      expect(solutions).toHaveLength(2);
    }
  });
});

describe('what is gone for good is refused', () => {
  const makers: Record<string, () => il.ImplicitSGD | il.ImplicitAdam> = {
    'a step': () => il.implicitSGD(0.5),
    'an exact step': () => il.implicitSGD(0.5, { exact: true }),
    'a step of Adam': () => il.implicitAdam(0.1),
    "a step of 'auto'": () => il.implicitAdam('auto'),
  };

  it.each(Object.entries(makers))('a variable during %s', async (_, make) => {
    for (const moment of moments.slice(0, 4)) {
      const before = tf.memory().numTensors;
      const v = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
      const optimizer = make();
      const step = optimizer.step(() => loss({ w: v }), [v]);
      // It may be over by then.
      await after(moment, step, () => v.dispose()).catch((error) => {
        expect(error).toBeInstanceOf(il.DisposedError);
      });
      optimizer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('what is disposed already, and a preconditioner while it is used', async () => {
    const gone = vector(1, 2);
    tf.dispose(gone);
    const problem = { loss, curvatureAt: (y: il.NamedTensors) => il.hessian(loss, y) };
    const solver = il.cg();
    const calls = [
      () => solver.solve(onTensors, gone),
      () => solver.solve(onTensors, vector(1, 2), { start: gone }),
      () => il.proximalStep(problem, gone, 1, { solver }),
      () => il.powerIteration(onTensors, gone),
      () => il.solveMany(onTensors, [gone]),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(il.DisposedError);
    const M = await il.nystrom(onTensors, vector(1, 2), { rank: 1 });
    expect(() => M.apply(vector(1, 2, 3))).toThrow(il.ShapeError);
    const { solve } = il.cg({ preconditioner: M as il.LinearOperator<il.Vector> });
    await expect(after(0, solve(onTensors, vector(1, 2)), () => M.dispose())).rejects.toThrow(
      il.DisposedError,
    );
  });

  it('a solution that its holder has freed', async () => {
    const θ = tf.tensor1d([1, 2]);
    const root = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ);
    const solution = await il.argminAsync(((θ: tf.Tensor) => θ.clone()) as never, root as never)(θ);
    solution.dispose();
    await expect(solution.pullBack(θ as never)).rejects.toThrow(il.DisposedError);
    θ.dispose();
  });

  it('a run that is disposed before its first step has begun', async () => {
    for (const moment of moments) {
      const before = tf.memory().numTensors;
      const { w, λ } = pair() as { w: il.NamedTensors; λ: il.NamedTensors };
      const run = il.bilevel(problem, {
        ...{ w, λ, how: il.implicit(), steps: 2 },
        inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
        outer: { optimizer: il.gradientDescent(0.1) },
      });
      const step = run[Symbol.asyncIterator]().next();
      await after(moment, step, () => run.dispose()).catch((error) => {
        expect(error).toBeInstanceOf(il.DisposedError);
      });
      await new Promise((resolve) => setTimeout(resolve));
      tf.dispose([w, λ] as tf.TensorContainer);
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});
