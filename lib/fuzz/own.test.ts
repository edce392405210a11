import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as il from '..';

/** Solvers that users wrap, to count or to time them, keep the name of what they wrap. */

beforeAll(async () => {
  await il.useBackend('wasm', { threads: 1 });
});

const makers = {
  ...{ cg: il.cg, cgNormal: il.cgNormal, minres: il.minres, gmres: il.gmres, dense: il.dense },
  ...{ fixedPoint: il.fixedPoint, neumann: () => il.neumann({ terms: 60, scale: 0.4 }) },
};

/** A solver with the record of another, which counts its calls and looks at b as a record of tensors. */
function counting(solver: il.LinearSolver) {
  let calls = 0;
  const see = (b: il.Vector) => {
    calls += 1;
    if (b instanceof Float64Array) return;
    for (const value of Object.values(b)) expect(value).toBeInstanceOf(tf.Tensor);
  };
  const wrapped: il.LinearSolver = {
    ...solver,
    solve(A, b, options) {
      see(b);
      return solver.solve(A, b, options);
    },
    solveSync(A, b, options) {
      see(b);
      return solver.solveSync(A, b, options);
    },
    solveDeferred(A, b, options) {
      see(b);
      return solver.solveDeferred(A, b, options);
    },
  };
  return { wrapped, calls: () => calls };
}

const inner = ({ w }: il.NamedTensors, { l }: il.NamedTensors) =>
  tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar;
const outer = ({ w }: il.NamedTensors) => tf.sum(tf.square(w!)) as tf.Scalar;
const vector = () => tf.tensor1d([1, 2]);
const diagonal = {
  apply: (v: Float64Array) => v.map((x, i) => (1 + i / 2) * x),
  dispose() {},
};
const run = (how: ReturnType<typeof il.implicit>) =>
  il.bilevel(
    { inner, outer },
    {
      ...{ w: { w: vector() }, λ: { l: vector() }, how, steps: 2 },
      inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
      outer: { optimizer: il.gradientDescent(0.1) },
      tolerance: il.decreasingTolerance(),
    },
  );

describe.each(Object.entries(makers))('a wrapped %s', (name, make) => {
  it('is not taken for the solver that it wraps', () => {
    expect(il.isLibrarySolver(make())).toBe(true);
    expect(il.isLibrarySolver(il.solverFromRecord({ ...make() }))).toBe(true);
    const { wrapped } = counting(make());
    expect(wrapped.name).toBe(name);
    expect(il.isLibrarySolver(wrapped)).toBe(false);
    expect(il.supportsInnerProduct(wrapped)).toBe(false);
  });

  it('is asked by solveMany', async () => {
    const { wrapped, calls } = counting(make());
    const bs = [Float64Array.of(1, 2), Float64Array.of(2, 1)];
    const found = await il.solveMany(diagonal, bs, { solver: wrapped });
    expect(calls()).toBe(2);
    expect(found[1]!.value[1]!).toBeCloseTo(2 / 3, 5);
  });

  it.each([
    ['implicitSGD', (solver: il.LinearSolver) => il.implicitSGD(0.1, { solver })],
    ['an exact step', (solver: il.LinearSolver) => il.implicitSGD(0.1, { solver, exact: true })],
    ['implicitAdam', (solver: il.LinearSolver) => il.implicitAdam(0.1, { solver })],
  ] as const)('is asked by %s, on tensors, with the same result', async (_, optimizerWith) => {
    const stepped = async (solver: il.LinearSolver) => {
      const w = tf.variable(vector());
      const optimizer = optimizerWith(solver);
      const loss = () => tf.sum(tf.square(w)) as tf.Scalar;
      // The second step is the one by a program.
      for (let k = 0; k < 2; k++) await optimizer.step(loss, [w]);
      optimizer.dispose();
      return [...w.dataSync()];
    };
    const { wrapped, calls } = counting(make());
    const mine = await stepped(wrapped);
    expect(calls()).toBeGreaterThanOrEqual(2);
    (await stepped(make())).forEach((value, i) => void expect(mine[i]).toBeCloseTo(value, 4));
  });

  it('is asked by hypergradient and bilevel, where a tolerance is its own affair', async () => {
    const { wrapped, calls } = counting(make());
    const how = il.implicit({ solver: wrapped, estimate: false });
    await il.hypergradient({ inner, outer }, { w: vector() }, { l: vector() }, how);
    expect(calls()).toBe(1);
    const runs = run(how);
    for await (const _ of runs);
    runs.dispose();
    expect(calls()).toBe(3);
  });
});

it('a wrapped way of differentiating is asked by a run with a tolerance', async () => {
  const base = il.implicit({ estimate: false });
  let calls = 0;
  const how = {
    ...base,
    differentiate: ((...args: Parameters<typeof base.differentiate>) => {
      calls += 1;
      return base.differentiate(...args);
    }) as typeof base.differentiate,
  };
  const runs = run(how);
  for await (const _ of runs);
  runs.dispose();
  expect(calls).toBe(2);
});

it('batches for the factors need the series of the library', async () => {
  const { wrapped } = counting(il.neumann({ terms: 3, scale: 0.1 }));
  const problem = {
    inner: ({ w }: il.NamedTensors, { l }: il.NamedTensors, batch: number) =>
      tf.sum(tf.square(tf.sub(w!, tf.mul(batch, l!)))) as tf.Scalar,
    outer,
  };
  const batch = { inner: 1, outer: 1, factors: () => 1 };
  await expect(
    il.hypergradient(problem, { w: vector() }, { l: vector() }, il.implicit({ solver: wrapped }), {
      batch,
    }),
  ).rejects.toThrow(/a solver of your own named neumann/);
});

describe('functions that users hand over may be methods of a class', () => {
  /** Losses that are only right as methods of their problem. */
  class Scaled {
    factor = 2;
    inner(w: il.NamedTensors, λ: il.NamedTensors) {
      return tf.mul(this.factor, inner(w, λ)) as tf.Scalar;
    }
    outer(w: il.NamedTensors) {
      return tf.mul(this.factor, outer(w)) as tf.Scalar;
    }
  }
  const ways = [il.implicit(), il.unrolled({ method: il.gradientDescent(0.1), steps: 2 })] as const;

  it.each(ways.map((how) => [how.name, how] as const))('a problem, %s', async (_, how) => {
    const point = () => ({ w: { w: vector() }, λ: { l: tf.tensor1d([0, 1]) } });
    const { w, λ } = point();
    const { value } = await il.hypergradient(new Scaled(), w, λ, how);
    const plain = {
      inner: (w: il.NamedTensors, λ: il.NamedTensors) => tf.mul(2, inner(w, λ)) as tf.Scalar,
      outer: (w: il.NamedTensors) => tf.mul(2, outer(w)) as tf.Scalar,
    };
    const wanted = (await il.hypergradient(plain, w, λ, how)).value;
    expect([...value.l!.dataSync()]).toEqual([...wanted.l!.dataSync()]);
    const optimizers = {
      ...(how.name === 'implicit' && { inner: { optimizer: il.gradientDescent(0.1), steps: 1 } }),
      outer: { optimizer: il.gradientDescent(0.1) },
    };
    const batches = { inner: () => 1, outer: () => 1 };
    for (const runs of [
      il.bilevel(new Scaled(), { ...point(), ...optimizers, how, steps: 1 }),
      il.bilevel(new Scaled() as il.BatchedProblem<number>, {
        ...{ ...point(), ...optimizers, how, steps: 1, batches },
      }),
    ]) {
      let steps = 0;
      for await (const { innerLoss } of runs) {
        expect(innerLoss).toBeGreaterThan(0);
        steps++;
      }
      expect(steps).toBe(1);
      runs.dispose();
    }
  });

  it('a network cut from its loss, and the parts of a low rank', () => {
    class Model {
      factor = 2;
      predict({ w }: il.NamedTensors) {
        return tf.mul(this.factor, w!);
      }
      loss(z: tf.Tensor) {
        return tf.mul(this.factor, tf.sum(tf.square(z))) as tf.Scalar;
      }
    }
    const G = il.gaussNewton(new Model(), { w: vector() });
    expect([...G.apply({ w: vector() }).w!.dataSync()]).toEqual([16, 32]);
    G.dispose();

    class Parts {
      diagonal = 2;
      outputs = Float64Array.of(0);
      jvp(v: Float64Array) {
        return Float64Array.of(this.diagonal * v[0]!);
      }
      vjp(u: Float64Array) {
        return Float64Array.of(this.diagonal * u[0]!, 0);
      }
      middle(u: Float64Array) {
        return u.map((value) => this.diagonal * value);
      }
    }
    const A = il.lowRank<Float64Array, Float64Array>(new Parts());
    const b = Float64Array.of(10, 2);
    expect(A.apply(Float64Array.of(1, 1))).toEqual(b);
    const own = { apply: (v: Float64Array) => A.apply(v), lowRank: new Parts(), dispose() {} };
    for (const operator of [A, own, il.observed(own as never, (product) => product())]) {
      const { value } = il.woodbury().solveSync(operator as typeof A, b);
      expect(value[0]).toBeCloseTo(1, 10);
      expect(value[1]).toBeCloseTo(1, 10);
    }
  });
});

describe('a method of one’s own', () => {
  class Descent implements il.Iteration {
    rate = 0.1;
    begin<V>(x: V): il.State<V> {
      return { x };
    }
    step<V>(_: number, { x }: il.State<V>, gradient: (x: V) => V, { combine }: il.Arithmetic<V>) {
      return {
        x: combine([
          [1, x],
          [-this.rate, gradient(x)],
        ]),
      };
    }
  }
  const own = (more: object = {}): il.Method => ({
    name: 'own',
    on: () => Object.assign(new Descent(), more),
  });
  let [w, λ]: il.NamedTensors[] = [];
  beforeAll(() => {
    [w, λ] = [{ w: vector() }, { l: tf.tensor1d([0, 1]) }];
  });
  const flat = () =>
    il.quadratic({
      theta: Float64Array.of(1),
      hessian: ([θ]) => [Float64Array.of(1 + θ!, 0), Float64Array.of(0, 2)],
      linear: () => Float64Array.of(1, 1),
      dHessian: () => [[Float64Array.of(1, 0), Float64Array.of(0, 0)]],
    });
  const through = (method: il.Method, mode: 'forward' | 'reverse') =>
    il.hypergradient({ inner, outer }, w!, λ!, il.unrolled({ method, steps: 2, mode }));
  const runWith = async (optimizers: { inner?: il.Method; outer?: unknown }) => {
    const { inner: within = il.gradientDescent(0.1), outer: outside = il.gradientDescent(0.1) } =
      optimizers;
    const runs = il.bilevel(
      { inner, outer },
      {
        ...{ w: w!, λ: λ!, how: il.implicit({ estimate: false }), steps: 2 },
        inner: { optimizer: within, steps: 1 },
        outer: { optimizer: outside as il.Method },
      },
    );
    try {
      for await (const _ of runs);
      return [...runs.w.w!.dataSync(), ...runs.λ.l!.dataSync()];
    } finally {
      runs.dispose();
    }
  };

  it('moves as the one of the library does', async () => {
    const descent = il.gradientDescent(0.1);
    for (const mode of ['forward', 'reverse'] as const) {
      const [mine, wanted] = [await through(own(), mode), await through(descent, mode)];
      expect([...mine.value.l!.dataSync()]).toEqual([...wanted.value.l!.dataSync()]);
    }
    const wanted = await runWith({});
    expect(await runWith({ inner: own() })).toEqual(wanted);
    expect(await runWith({ outer: own() })).toEqual(wanted);
    expect(il.unroll(own(), flat(), { steps: 3 }).jacobians).toEqual(
      il.unroll(descent, flat(), { steps: 3 }).jacobians,
    );
  });

  const { begin } = new Descent();
  const wrong: Record<string, il.Method> = {
    'on() of null': { name: 'own', on: () => null as never },
    'no step': own({ step: undefined }),
    'begin() of null': own({ begin: () => null }),
    'begin() without x': own({ begin: (x: unknown) => ({ w: x }) }),
    'begin() of a number': own({ begin: () => ({ x: 3 }) }),
    'begin() of a promise': own({ begin: async (x: unknown) => ({ x }) }),
    'step() of undefined': own({ step: () => undefined }),
    'step() of a number': own({
      step: (_: number, { x }: never, g: (x: unknown) => 0) => ({ x: 3 + g(x) }),
    }),
    'step() without a gradient': own({ step: (_: number, state: unknown) => state }),
    'step() that forgets': own({
      begin: (x: unknown) => ({ ...begin(x), m: x }),
    }),
  };

  it.each(Object.entries(wrong))(
    'is refused everywhere, with nothing left: %s',
    async (_, method) => {
      const calls = [
        () => through(method, 'reverse'),
        () => through(method, 'forward'),
        () => runWith({ inner: method }),
        () => runWith({ outer: method }),
        () => il.unroll(method, flat(), { steps: 2 }),
        () => il.unroll(method, flat(), { steps: 2, mode: 'reverse' }),
        () => il.residualPolynomial(method, { mu: 1, L: 2 }, 2)(1.5),
      ];
      for (const call of calls) {
        const before = tf.memory().numTensors;
        await expect((async () => call())()).rejects.toThrow(il.ImplicitLabError);
        expect(tf.memory().numTensors).toBe(before);
      }
    },
  );

  it.each<[string, unknown]>([
    ['a step control without next', { ...il.stepControl() }],
    ['one whose next returns null', { name: 'stepControl', next: () => null }],
    ['one whose next returns NaN', { name: 'stepControl', next: () => ({ step: Number.NaN }) }],
    ['an optimizer that only minimizes', { minimize: () => null }],
    ['a method that needs a spectrum', il.chebyshev()],
  ])('nor does a run take %s', async (_, optimizer) => {
    const before = tf.memory().numTensors;
    await expect(runWith({ outer: optimizer })).rejects.toThrow(il.ImplicitLabError);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('what users’ functions return in place of a tensor is refused, and nothing is broadcast', () => {
  const wrong: Record<string, () => unknown> = {
    undefined: () => undefined,
    null: () => null,
    'a text': () => 'x',
    'a record': () => ({}),
    'a promise': async () => 1,
    'a number': () => Number.NaN,
  };
  const solved = (θ: tf.Tensor, optimality: unknown) =>
    tf.tidy(() =>
      tf.grad((θ) => tf.sum(il.argmin((θ: tf.Tensor) => θ.clone(), optimality as never)(θ)))(θ),
    );
  const square = (x: tf.Tensor) => tf.sum(tf.square(x)) as tf.Scalar;

  it.each(Object.entries(wrong))('%s', async (_, f) => {
    const [θ, x, y] = [vector(), tf.ones([3, 2]), tf.ones([3])];
    const project = f as never;
    const losses = f as never;
    const regression: il.ExampleLosses = (w, { x, y }) =>
      tf.square(tf.sub(tf.dot(x, w.w!), y)) as tf.Tensor1D;
    const derived = async (problem: il.BatchedProblem<il.Examples>) => {
      const a = tf.scalar(1);
      try {
        const batch = { inner: { x, y }, outer: { x, y } };
        await il.hypergradient(problem, { w: θ }, { a }, il.implicit(), { batch });
      } finally {
        a.dispose();
      }
    };
    const calls: [string, () => unknown][] = [
      ['project', () => solved(θ, il.projectedStationarity(square, { project } as never))],
      ['losses', () => derived(il.bilevelProblem(losses, { ...noPenalty }))],
      [
        'transform',
        () => {
          const initial = () => ({ a: tf.scalar(1) });
          const kind = il.augmentation({ transform: f as never, initial });
          return derived(il.bilevelProblem(regression, kind));
        },
      ],
      ['predict', () => il.evaluate({ predict: f } as never, { w: θ }, { x, y: x })],
      ...(['objective', 'equality', 'inequality'] as const).map((part): [string, () => unknown] => [
        part,
        () =>
          tf.tidy(() => {
            const conditions = il.kkt({
              ...{ objective: square, equality: square, inequality: tf.neg },
              [part]: f,
            } as never);
            const point = { x: θ, equality: tf.scalar(0), inequality: tf.zeros([2]) };
            return conditions(point as never);
          }),
      ]),
    ];
    for (const [name, call] of calls) {
      const before = tf.memory().numTensors;
      await expect((async () => call())(), name).rejects.toThrow(il.ImplicitLabError);
      expect(tf.memory().numTensors, name).toBe(before);
    }
    tf.dispose([θ, x, y]);
  });

  const noPenalty: il.Kind = {
    name: 'none',
    initial: () => ({ a: tf.scalar(1) }),
    loss: (losses, w, _, batch) => tf.mean(losses(w, batch)),
  };

  it.each(Object.entries(wrong))('an optimality of argminAsync: %s', async (_, f) => {
    const [θ, u] = [vector(), vector()];
    const before = tf.memory().numTensors;
    const solve = il.argminAsync(async (θ: tf.Tensor) => θ.clone(), f as never);
    const solution = await solve(θ);
    await expect(solution.pullBack(u)).rejects.toThrow(il.ImplicitLabError);
    solution.dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([θ, u]);
  });

  it('a checkpoint with one part spoiled, or of another problem', async () => {
    const options = (l: tf.Tensor, more: object = {}) => ({
      ...{ w: { w: vector() }, λ: { l }, how: il.implicit(), steps: 1, ...more },
      inner: { optimizer: il.heavyBall({ step: 0.1, momentum: 0.5 }), steps: 1 },
      outer: { optimizer: il.gradientDescent(0.1) },
    });
    const runs = il.bilevel({ inner, outer }, options(vector()));
    for await (const _ of runs);
    const saved: object = JSON.parse(JSON.stringify(await runs.save()));
    runs.dispose();
    const spoiled = Object.keys(saved)
      .filter((part) => part !== 'step' && part !== 'innerSteps')
      .flatMap((part) =>
        [null, 3, 'x', { w: null }, { w: { base64: '%' } }].map((x) => ({ [part]: x })),
      );
    const three = tf.zeros([3]);
    const wrong = [
      ...spoiled.map((part) => options(vector(), { checkpoint: { ...saved, ...part } })),
      options(three, { checkpoint: saved }),
    ];
    for (const given of wrong) {
      const before = tf.memory().numTensors;
      expect(() => il.bilevel({ inner, outer }, given as never)).toThrow(il.ImplicitLabError);
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it.each([Number.NaN, -1, undefined, null, '1', 1n])('a tolerance of %s', async (value) => {
    const runs = il.bilevel(
      { inner, outer },
      {
        ...{ w: { w: vector() }, λ: { l: vector() }, how: il.implicit(), steps: 1 },
        inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
        outer: { optimizer: il.gradientDescent(0.1) },
        tolerance: () => value as number,
      },
    );
    await expect(
      (async () => {
        for await (const _ of runs);
      })(),
    ).rejects.toThrow(/the tolerance .* of step 1/);
    runs.dispose();
  });

  it('a projection of another shape, and labels of another shape', async () => {
    const project = (x: tf.Tensor) => tf.sum(x);
    expect(() => solved(vector(), il.projectedStationarity(square, { project } as never))).toThrow(
      il.ShapeError,
    );
    const model = { predict: () => tf.zeros([3, 2]) } as never;
    const examples = { x: tf.ones([3, 2]), y: tf.tensor2d([[1, 0]]) };
    await expect(il.evaluate(model, { w: vector() }, examples)).rejects.toThrow(il.ShapeError);
  });
});
