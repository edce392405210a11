import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';

/** Functions that users hand over, and what they may return by mistake. */

beforeAll(async () => {
  await il.useBackend('wasm', { threads: 1 });
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});

const numbers = (...values: number[]) => Float64Array.of(...values);
const decay = (y: Float64Array) => y.map((v) => -v);
const twice = { apply: (v: Float64Array) => v.map((x) => 2 * x), dispose() {} };
const square = ({ w }: il.NamedTensors) => tf.sum(tf.square(w!)) as tf.Scalar;
const freed = (shape: number[] = []) => {
  const x = tf.zeros(shape);
  x.dispose();
  return x;
};
const problem = {
  inner: ({ w }: il.NamedTensors, { l }: il.NamedTensors) =>
    tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar,
  outer: square,
};
const inFloat64 = {
  innerGradient: (w: Float64Array) => w.slice(),
  innerHessian: () => twice,
  innerMixed: () => ({ jvp: (v: Float64Array) => v.slice(), vjp: (u: Float64Array) => u.slice() }),
  outer: () => ({ value: 0, dw: numbers(1, 1), dλ: numbers(0, 0) }),
};

/** Refused with an error of the library, with no tensor left and the variable as it was. */
async function expectRefused(call: () => unknown): Promise<void> {
  const before = tf.memory().numTensors;
  let thrown: unknown;
  try {
    await call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(il.ImplicitLabError);
  expect(tf.memory().numTensors - before).toBeLessThanOrEqual(0);
}

const report = { status: 'converged', iterations: 1, residualNorm: 0 };
/** What solvers may return in place of a solution, given something like b. */
const returns: Record<string, (b: unknown) => unknown> = {
  nothing: () => undefined,
  'a number': () => 3,
  'no value': () => report,
  'the vector itself': (b) => b,
  'a value of another kind': (b) => ({
    ...report,
    value: b instanceof Float64Array ? { w: 3 } : numbers(1, 2),
  }),
  'a value of another length': (b) => ({
    ...report,
    value:
      b instanceof Float64Array
        ? numbers(1)
        : il.mapTensors(b as il.NamedTensors, () => tf.zeros([1])),
  }),
  'no status': (b) => ({ value: copy(b), iterations: 1, residualNorm: 0 }),
  'an unknown status': (b) => ({ ...report, value: copy(b), status: 'ok' }),
  'no iterations': (b) => ({ ...report, value: copy(b), iterations: undefined }),
};
const copy = (b: unknown) =>
  b instanceof Float64Array
    ? b.slice()
    : il.mapTensors(b as il.NamedTensors, (value) => value.clone());

/** A solver that returns it in whichever way it is called. */
const solverOf = (make: (b: unknown) => unknown): il.LinearSolver =>
  ({
    name: 'own',
    solve: async (_: unknown, b: unknown) => make(b),
    solveSync: (_: unknown, b: unknown) => make(b),
    solveDeferred: (_: unknown, b: unknown) => make(b),
  }) as never;

describe.each(Object.entries(returns))('a solver that returns %s', (name, make) => {
  const solver = solverOf(make);
  /** A fresh loss at a fresh variable, which leaves nothing behind. */
  const stepped = async (optimizer: il.ImplicitSGD) => {
    const w = tf.tidy(() => tf.variable(tf.tensor1d([3, -2])));
    try {
      const loss = () => tf.sum(tf.square(w)) as tf.Scalar;
      await optimizer.step(loss, [w]).finally(() => {
        expect([...w.dataSync()]).toEqual([3, -2]);
      });
    } finally {
      optimizer.dispose();
      w.dispose();
    }
  };
  const derived = async (how: object) => {
    const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
    try {
      await il.hypergradient(problem, { w }, { l }, il.implicit({ solver, ...how }));
    } finally {
      tf.dispose([w, l]);
    }
  };
  const argminOf = (options: il.ArgminOptions) =>
    il.argmin(
      (θ: tf.Tensor) => θ.clone(),
      (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ),
      options,
    );
  it.each<[string, () => unknown]>([
    ['hypergradient', () => derived({})],
    ['hypergradient without an estimate', () => derived({ estimate: false })],
    [
      'hypergradient in float64',
      () => il.hypergradient(inFloat64, numbers(1, 2), numbers(1, 2), il.implicit({ solver })),
    ],
    ['solveMany', () => il.solveMany(twice, [numbers(1, 2), numbers(3, 4)], { solver })],
    ['a step', () => stepped(il.implicitSGD(0.1, { solver }))],
    ['an exact step', () => stepped(il.implicitSGD(0.1, { solver, exact: true }))],
    ['backwardEuler', () => il.backwardEuler(decay, numbers(1, 2), { to: 1, step: 0.5, solver })],
    [
      'backwardEulerAsync',
      () => il.backwardEulerAsync(decay, numbers(1, 2), { to: 1, step: 0.5, solver }),
    ],
    [
      'argmin',
      () => tf.tidy(() => tf.grad((θ) => tf.sum(argminOf({ solver })(θ)))(tf.tensor1d([1, 2]))),
    ],
    [
      'argminAsync',
      async () => {
        const θ = tf.tensor1d([1, 2]);
        const solution = await il.argminAsync(
          async (θ: tf.Tensor) => θ.clone(),
          (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ),
          { solver },
        )(θ);
        const u = tf.ones([2]);
        try {
          await solution.pullBack(u);
        } finally {
          solution.dispose();
          tf.dispose([θ, u]);
        }
      },
    ],
  ])(`in %s is refused (${name})`, async (_, call) => {
    await expectRefused(call);
  });
});

const lowRankParts = () => ({
  diagonal: 1,
  jvp: (v: Float64Array) => numbers(v[0]! + v[1]!),
  vjp: (u: Float64Array) => numbers(u[0]!, u[0]!),
  outputs: numbers(0),
});

describe('an operator', () => {
  const two = [numbers(1, 2), numbers(2, 1)];
  it.each<[string, object]>([
    ['a space without functions', { space: {} }],
    ['a space that is a number', { space: 3 }],
    ['an applyAll that is a number', { applyAll: 3 }],
    ['an applyAll that returns too few', { applyAll: () => [] }],
    ['an applyAll that returns a promise', { applyAll: async (vs: unknown) => vs }],
  ])('with %s is refused', async (_, more) => {
    await expectRefused(async () => {
      await il.solveMany({ ...twice, ...more } as never, two);
      // A space is asked for by a single solve.
      await il.cg().solve({ ...twice, ...more } as never, two[0]!);
    });
  });

  it.each<[string, object]>([
    ['applyInPieces that is a number', { applyInPieces: 3 }],
    ['applyInPieces that returns a number', { applyInPieces: () => 3 }],
    ['transpose that is a record', { transpose: {} }],
    ['floor that is a text', { floor: '1' }],
    ['floor that is NaN', { floor: Number.NaN }],
    ['loops that are empty', { loops: {} }],
    ['low rank that is a number', { lowRank: 3 }],
    ['low rank whose middle is a number', { lowRank: { ...lowRankParts(), middle: 3 } }],
  ])('with a %s is refused', async (_, more) => {
    for (const solver of [il.cg(), il.cgNormal(), il.gmres(), il.woodbury()]) {
      await expectRefused(() => solver.solve({ ...twice, ...more } as never, two[0]!));
    }
  });

  it.each<[string, object]>([
    ['jvp of null', { jvp: () => null }],
    ['vjp of null', { vjp: () => null }],
    ['vjp of another length', { vjp: () => numbers(1) }],
    ['middle that returns a promise', { middle: async (u: unknown) => u }],
    ['outputs of nothing', { outputs: undefined }],
  ])('that says itself what its low rank is, with a %s, is refused', async (_, more) => {
    const A = { ...twice, lowRank: { ...lowRankParts(), ...more } };
    await expectRefused(() => il.woodbury().solve(A as never, two[0]!));
  });

  const wrong: [string, (v: unknown) => unknown][] = [
    ['null', () => null],
    ['a promise', async (v: unknown) => v],
    ['a number', () => 3],
    ['another length', () => numbers(1)],
    ['NaN', () => numbers(Number.NaN, 1)],
  ];
  it.each(wrong)('with a product of %s is refused by nystrom and powerIteration', async (_, f) => {
    const A = { apply: f, dispose() {} } as never;
    await expectRefused(() => il.nystrom(A, two[0]!));
    await expectRefused(() => il.powerIteration(A, two[0]!));
  });

  it.each(wrong.slice(0, 4))('that preconditions with a product of %s is refused', async (_, f) => {
    const solver = il.cg({ preconditioner: { apply: f, dispose() {} } as never });
    await expectRefused(() => solver.solve(twice, two[0]!));
    await expectRefused(() => solver.solveSync(twice, two[0]!));
  });

  it('of no numbers is preconditioned by nothing, and one that maps nothing has the eigenvalue 0', async () => {
    const M = await il.nystrom(twice, numbers());
    expect(M.apply(numbers())).toEqual(numbers());
    expect(await il.powerIteration(twice, numbers(0, 0))).toBe(0);
  });

  it.each<[string, object]>([
    ['jvp', { jvp: () => numbers(1, 2) }],
    ['vjp', { vjp: () => numbers(1) }],
    ['vjp, later', { vjp: async () => numbers(1, 1) }],
    ['outputs', { outputs: undefined }],
  ])('of low rank whose %s do not fit is refused', async (_, more) => {
    const parts = lowRankParts();
    for (const solver of [il.woodbury(), il.cg()]) {
      await expectRefused(() =>
        solver.solve(il.lowRank({ ...parts, ...more } as never), numbers(1, 2)),
      );
    }
  });
});

describe.each(['implicit', 'reverse', 'forward'] as const)('a problem in float64, %s', (way) => {
  const method = il.gradientDescent(0.1);
  const how = way === 'implicit' ? il.implicit() : il.unrolled({ method, steps: 2, mode: way });
  it.each<[string, object]>([
    ['innerGradient', { innerGradient: () => numbers(1) }],
    ['innerHessian', { innerHessian: () => [[1, 0]] }],
    ['product', { innerHessian: () => ({ apply: () => numbers(1), dispose() {} }) }],
    ['innerMixed', { innerMixed: () => undefined }],
    ['jvp and vjp', { innerMixed: () => ({ jvp: () => numbers(1), vjp: () => numbers(1) }) }],
    ['outer', { outer: () => 3 }],
    ['promise of outer', { outer: async () => inFloat64.outer() }],
    ['outer gradient', { outer: () => ({ value: 0, dw: numbers(1), dλ: numbers(0, 0) }) }],
  ])('with a wrong %s is refused', async (_, more) => {
    await expectRefused(() =>
      il.hypergradient({ ...inFloat64, ...more } as never, numbers(1, 2), numbers(1, 2), how),
    );
  });
});

describe.each([
  [
    'forwardEuler',
    (f: never, y: Float64Array, o: object) => il.forwardEuler(f, y, { to: 1, step: 0.25, ...o }),
  ],
  [
    'backwardEuler',
    (f: never, y: Float64Array, o: object) => il.backwardEuler(f, y, { to: 1, step: 0.25, ...o }),
  ],
  ['radau', (f: never, y: Float64Array, o: object) => il.radau(f, y, { to: 1, ...o })],
  ['radauAsync', (f: never, y: Float64Array, o: object) => il.radauAsync(f, y, { to: 1, ...o })],
] as const)('%s', (name, integrate) => {
  const from = numbers(1, 2);
  const later = (value: unknown) => (y: Float64Array, t: number) => (t > 0.1 ? value : decay(y));
  it.each<[string, unknown]>([
    ['text', () => 'ab'],
    ['a promise', async (y: Float64Array) => y],
    ['nothing later on', later(undefined)],
    ['a shorter vector later on', later(numbers(1))],
    ['a number later on', later(3)],
  ])('refuses an f that returns %s', async (_, f) => {
    await expectRefused(() => integrate(f as never, from, {}));
  });

  it('refuses an empty state', async () => {
    await expectRefused(() => integrate(decay as never, numbers(), {}));
  });

  it('is not misled by an f that changes its argument, or returns one array again and again', async () => {
    const out = numbers(0, 0);
    const careless = (y: Float64Array) => {
      y.forEach((v, i) => {
        out[i] = -v;
      });
      y.fill(7);
      return out;
    };
    const right = await integrate(decay as never, from, {});
    const got = await integrate(careless as never, from, {});
    expect(got.states).toEqual(right.states);
    expect([...from]).toEqual([1, 2]);
  });

  // An explicit method takes no Jacobian.
  const jacobians: [string, unknown][] = [
    ['text', 'J'],
    ['one that returns a promise', async () => [numbers(-1, 0), numbers(0, -1)]],
    [
      'one that returns fewer rows later on',
      (_: Float64Array, t: number) =>
        t > 0
          ? [[-1, 0]]
          : [
              [-1, 0],
              [0, -1],
            ],
    ],
  ];
  it.each(name === 'forwardEuler' ? [] : jacobians)(
    'refuses as a Jacobian %s',
    async (_, jacobian) => {
      const stiff = (y: Float64Array, t: number) => numbers(-(y[0]! ** 3), Math.sin(9 * t) - y[1]!);
      await expectRefused(() => integrate(stiff as never, from, { jacobian }));
    },
  );

  // The others have no events.
  const values = name.startsWith('radau') ? [Number.NaN, 'up', Promise.resolve(1)] : [];
  it.each(values)('refuses an event whose value is %s', async (value) => {
    await expectRefused(() =>
      integrate(decay as never, from, { events: [{ value: () => value }] }),
    );
  });
});

describe('a promise where a value is meant is refused', () => {
  const later = <T>(x: T) => Promise.resolve(x);
  const record = () => ({ w: tf.tensor1d([1, 2]) });
  it.each<[string, () => unknown]>([
    ['gradientDescent', () => il.gradientDescent(later(0.1) as never)],
    ['sobolev', () => il.sobolev(later({}) as never)],
    ['cg', () => il.cg(later({}) as never)],
    ['implicit', () => il.implicit(later({}) as never)],
    ['implicitSGD', () => il.implicitSGD(0.1, later({}) as never)],
    ['functional', () => il.functional(later(1) as never)],
    ['markOutput', () => il.markOutput(later(1) as never)],
    [
      'a batch',
      async () => {
        const [{ w }, { w: l }] = [record(), record()];
        const batch = later({ inner: 1, outer: 1 }) as never;
        await il
          .hypergradient(problem as never, { w }, { l }, il.implicit(), { batch })
          .finally(() => tf.dispose([w, l]));
      },
    ],
    [
      'a network in gaussNewton',
      () =>
        tf.tidy(() => {
          const network = { predict: async () => tf.zeros([1]), loss: (z: tf.Tensor) => tf.sum(z) };
          il.gaussNewton(network as never, record());
        }),
    ],
  ])('%s', async (_, call) => {
    await expectRefused(call);
  });
});

describe('a tensor that was freed is refused', () => {
  const at = async (f: (x: { w: tf.Tensor }, l: tf.Tensor) => unknown): Promise<void> => {
    const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
    try {
      await f({ w }, l);
    } finally {
      tf.dispose([w, l]);
    }
  };
  it.each<[string, () => unknown]>([
    ['as a loss of hessian', () => at((x) => il.hessian(() => freed() as tf.Scalar, x))],
    [
      'as a loss of valueAndGradient',
      () => at((x) => il.valueAndGradient(() => freed() as tf.Scalar, x)),
    ],
    [
      'as an output',
      () =>
        at((x) =>
          il.gaussNewton({ predict: () => freed([2]), loss: (z) => tf.sum(z) as tf.Scalar }, x),
        ),
    ],
    [
      'as an outer loss',
      () =>
        at((x, l) =>
          il.hypergradient(
            { ...problem, outer: () => freed() as tf.Scalar },
            x,
            { l },
            il.implicit(),
          ),
        ),
    ],
    [
      'as a loss of a step',
      () =>
        at((x) =>
          il.implicitSGD(0.1).minimize(() => freed() as tf.Scalar, false, [tf.variable(x.w!)]),
        ),
    ],
  ])('%s', async (_, call) => {
    const count = tf.memory().numTensors;
    let thrown: unknown;
    try {
      await call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(il.DisposedError);
    tf.disposeVariables();
    expect(tf.memory().numTensors).toBeLessThanOrEqual(count);
  });
});

it('a tolerance of radau that is a tensor is refused, whether it lives or not', async () => {
  await expectRefused(() => il.radau(decay, numbers(1), { to: 1, absolute: freed([1]) as never }));
  await expectRefused(() =>
    tf.tidy(() => {
      il.radau(decay, numbers(1), { to: 1, absolute: tf.ones([1]) as never });
    }),
  );
});

describe('differentiate, without hypergradient, looks at its arguments too', () => {
  const [w, λ] = [numbers(1, 2), numbers(1, 2)];
  const method = il.gradientDescent(0.1);
  it.each<[string, object]>([
    ['implicit', il.implicit()],
    ['unrolled', il.unrolled({ method, steps: 2 })],
  ])('%s', async (_, how) => {
    const { differentiate } = how as { differentiate: (...args: unknown[]) => Promise<unknown> };
    for (const options of [null, 3, { wach() {} }, { watch: 3 }]) {
      await expectRefused(() => differentiate(inFloat64, w, λ, options));
    }
    await expectRefused(() => differentiate(inFloat64, {}, λ));
    await expectRefused(() => differentiate(inFloat64, w, undefined));
    await expectRefused(() => differentiate(null, w, λ));
  });
});

describe('what is no text where a name belongs is refused, or stands in a message in a few words', () => {
  const odd = { 'a freed tensor': () => freed(), 'a list with one': () => [freed()] };
  const calls: Record<string, (name: never) => unknown> = {
    method: (name) => {
      const method = { ...il.gradientDescent(0.1), name, on: () => ({}) };
      return il.residualPolynomial(method as never, { mu: 0.5, L: 1 }, 3);
    },
    schedule: (name) => il.implicitSGD(1, { schedule: { name } as never }),
    'parts of schedules': (factor) =>
      il.implicitSGD(1, { schedule: { name: 'drops', at: [1], factor } }),
    'steps of schedules': (step) =>
      il.implicitSGD(1, { schedule: { name: 'drops', at: [step], factor: 1 } }),
    tuning: (tuning) => il.nesterov({ tuning }),
    solver: (name) => il.solverFromRecord({ name }),
    block: (name) => il.recordGradient(() => tf.scalar(1), { w: tf.ones([2]) }, { block: [name] }),
    'weights to penalise': (name) => il.perWeightL2({ names: [name] }),
    parameters: (name) => {
      const w = tf.variable(tf.scalar(1));
      return il.implicitSGD(1, { parameters: [name] }).minimize(() => tf.square(w), true, [w]);
    },
  };

  it.each(Object.entries(calls))('%s', (_, call) => {
    for (const make of Object.values(odd)) {
      tf.tidy(() => {
        expect(() => call(make() as never)).toThrow(il.ImplicitLabError);
      });
    }
  });

  it('and a name that every object has is none of a schedule', () => {
    const schedule = { name: 'constructor' } as never;
    expect(() => il.implicitSGD(1, { schedule })).toThrow(/the schedule 'constructor'/);
  });
});

describe('levenbergMarquardt looks at residuals away from where a step began', () => {
  const linear = {
    linearize: (w: Float64Array) => ({
      residuals: w.slice(),
      jacobian: [numbers(1, 0), numbers(0, 1)],
    }),
  };

  it.each([
    ['nothing', undefined],
    ['a list', [1, 2]],
    ['too few', numbers(1)],
    ['too many', numbers(1, 2, 3)],
  ])('%s', (_, residuals) => {
    for (const acceleration of [0, 1]) {
      const problem = { ...linear, residuals: () => residuals as never };
      expect(() => il.levenbergMarquardt(problem, numbers(1, 2), { acceleration })).toThrow(
        il.ImplicitLabError,
      );
    }
  });
});
