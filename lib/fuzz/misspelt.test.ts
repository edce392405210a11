import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';
import type { Recipe } from './every-function';
import { ignoredOptions, type Path } from './misspelling';
import { recipes } from './recipes';

beforeAll(async () => {
  await tf.setBackend('cpu');
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});

const numbers = () => Float64Array.of(1, 2);
const diagonal = () => ({
  apply: (v: Float64Array) => v.map((value, i) => (2 + i) * value),
  dispose() {},
});
const square = ({ w }: il.NamedTensors) => tf.sum(tf.square(w!)) as tf.Scalar;
const like = numbers();

/** Right arguments of functions of options that the fuzz calls without. */
const more: Record<string, Recipe> = {
  chebyshev: () => [{}],
  decreasingRate: () => [{ first: 1, curvature: 1 }],
  drops: () => [[3]],
  eigenvalues: () => [diagonal(), { largest: 1, like }],
  explicitGLM: () => [{ family: 'linear', rate: () => 0.1 }],
  globalL2: () => [{ initial: 1 }],
  kronecker: () => [{ every: 2, probes: 3 }],
  logistic: () => [{ features: 2, classes: 2 }],
  perFeatureL2: () => [{ initial: 1 }],
  perTensorL2: () => [{ initial: 1 }],
  powerIteration: () => [diagonal(), numbers(), { iterations: 3 }],
  ImplicitAdam: () => [0.1, { beta1: 0.9 }],
  ImplicitSGD: () => [0.1, { curvature: 'hessian' }],
  residualPolynomials: () => [il.chebyshev(), { mu: 1, L: 2 }, numbers()],
  solveMany: () => [diagonal(), [numbers()], { solver: il.cg() }],
  solverFromRecord: () => [{ name: 'cg', tolerance: 0.1 }],
  spectralDensity: () => [diagonal(), { probes: 2, steps: 2, seed: 1, like }],
  trace: () => [diagonal(), { probes: 2, seed: 1, like }],
  twoLayer: () => [{ features: 2, hidden: 2, classes: 2 }],
  useBackend: () => ['cpu', {}],
};

/** Functions that take no record of options. */
const without = [
  ...['Learned', 'amplification', 'checkSolver', 'checkedDeferred', 'checkedSolution', 'compiled'],
  'compiledMap',
  ...['correlatedRegression', 'cosine', 'drops', 'evaluate', 'explain', 'fastSlow', 'finalState'],
  ...['freePrograms', 'functional', 'gaussNewton', 'supportsInnerProduct', 'heedsSpace'],
  ...['identityMinus'],
  ...['inverseTime', 'isLibrarySolver', 'isSolverName', 'logSoftmax', 'lowRank', 'mapTensors'],
  ...['markAuxiliary', 'markOutput'],
  ...['multiply', 'multiplyTransposed', 'nystrom', 'observed', 'proximalStep', 'random'],
  ...['scheduleCost', 'shifted', 'sigmoidCrossEntropies', 'sigmoidCrossEntropy'],
  ...['softmaxCrossEntropies', 'softmaxCrossEntropy', 'solvePositive', 'spaceOf', 'stabilityAt'],
  ...['stationarity', 'tracedCounts', 'warmUp', 'warp', 'warpNoise', 'weighted', 'withOutput'],
];

/**
 * Records that may have other parts: what users make themselves, as an operator or a problem, is
 * theirs, and may be an object of a class of their own.
 */
const open = [
  'bilevel 0',
  'bilevelLogistic 0',
  'bilevelLogistic 0 train',
  'bilevelLogistic 0 validation',
  'bilevelRidge 0',
  'bilevelRidge 0 train',
  'bilevelRidge 0 validation',
  'collocation 0',
  'eigenvalues 0',
  'hypergradient 0',
  'levenbergMarquardt 0',
  'logarithmic 0',
  'onBatches 0',
  'powerIteration 0',
  'predictJacobianErrors 1',
  'predictJacobianErrors 1 start',
  'predictJacobianErrors 1 solution',
  'predictJacobianErrors 1 eigen',
  'solveMany 0',
  'spectralDensity 0',
  'trace 0',
  'unroll 1',
  'unroll 1 start',
  'unroll 1 solution',
  'unroll 1 eigen',
];

const makers: Record<string, Recipe> = { ...recipes, ...more };
type AnyFunction = (...args: unknown[]) => unknown;
const functions = Object.entries(il).filter(
  ([name, f]) => typeof f === 'function' && !name.endsWith('Error'),
) as [string, AnyFunction][];
const call = (f: AnyFunction, args: unknown[]) =>
  /^class\b/.test(String(f)) ? Reflect.construct(f, args) : f(...args);
const makerOf = (name: string) => more[name] ?? recipes[name];

it('every exported function is known to take options, or none', () => {
  const unknown = functions
    .map(([name]) => name)
    .filter((name) => !(name in makers) && !without.includes(name));
  expect(unknown).toEqual([]);
});

describe('an option of another name is refused', () => {
  it.each(functions.map(([name]) => name).filter((name) => name in makers))('%s', async (name) => {
    const f = functions.find(([other]) => other === name)![1];
    const isOpen = (path: Path) => open.includes([name, ...path].join(' '));
    const ignored = await ignoredOptions((args) => call(f, args), makerOf(name)!, isOpen);
    expect(ignored).toEqual([]);
  });
});

describe('so is one of a method', () => {
  const w = () => tf.tensor1d([1, 2]);
  const loss = (v: tf.Tensor) => tf.sum(tf.square(v)) as tf.Scalar;
  const problem = { inner: square, outer: square };
  const solvers = [
    ...[il.cg(), il.cgNormal(), il.minres(), il.gmres(), il.neumann(), il.fixedPoint()],
    ...[il.dense(), il.woodbury()],
  ];
  const calls: Record<string, (options: never) => unknown> = {
    ...Object.fromEntries(
      solvers.flatMap((solver) =>
        (['solve', 'solveSync', 'solveDeferred'] as const).map((how) => [
          `${solver.name}().${how}`,
          (options: never) => solver[how](diagonal(), numbers(), options),
        ]),
      ),
    ),
    'implicitSGD().step': (options) => {
      const v = tf.variable(w());
      return il.implicitSGD(1).step(() => loss(v), [v], options);
    },
    'implicit().differentiate': (options) =>
      il.implicit().differentiate(problem, { w: w() }, { l: w() }, options),
    'unrolled().differentiate': (options) =>
      il
        .unrolled({ method: il.gradientDescent(0.1), steps: 1 })
        .differentiate(problem, { w: w() }, { l: w() }, options),
    'functional().apply': (options) => {
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
      const { params, apply } = il.functional(model);
      return apply(params, tf.ones([1, 2]), options);
    },
  };

  it.each(Object.entries(calls))('%s', async (_, method) => {
    await expect((async () => method({ misspelt: 1 } as never))()).rejects.toThrow(
      /the option 'misspelt' of/,
    );
  });
});

describe('an argument after the last one is refused', () => {
  /** Questions that `filter` may ask of a list, and what takes nothing. */
  const open = [
    ...['freePrograms', 'heedsSpace', 'isLibrarySolver', 'isSolverName', 'supportsInnerProduct'],
    ...['tracedCounts', 'Learned'],
  ];
  const listed = functions.filter(([name]) => !open.includes(name));
  /** As many arguments as a function takes; more where it has some with defaults. */
  const late = (f: AnyFunction, name: string, extra: unknown) => {
    const given: unknown[] = makerOf(name)?.(tf.tensor1d([1, 2]), tf.tensor1d([0, 1])) ?? [];
    for (let place = 5; given.length < place; ) given.push(undefined);
    return call(f, [...given, extra]);
  };

  it.each(listed)('%s', async (name, f) => {
    for (const extra of [{ tolerance: 1 }, 0.5, tf.scalar(1)]) {
      const thrown = await (async () => late(f, name, extra))().catch((error) => error);
      expect(String(thrown)).toContain(`after the last argument of ${name}`);
    }
  });

  const v = () => tf.variable(tf.tensor1d([1, 2]));
  const losses = { inner: square, outer: square };
  const start = () => ({ start: numbers() });
  const calls: Record<string, () => readonly [object, string, unknown[]]> = {
    'gradientDescent with a momentum': () => [il, 'gradientDescent', [0.1, 0.9]],
    'a cross-entropy with weights, as that of TensorFlow.js has': () => [
      ...([il, 'softmaxCrossEntropy'] as const),
      [tf.ones([1, 2]), tf.ones([1, 2]), tf.ones([1])],
    ],
    'hypergradient with options one place late': () => [
      ...([il, 'hypergradient'] as const),
      [losses, { w: v() }, { l: v() }, il.implicit(), undefined, { start: { w: v() } }],
    ],
    differentiate: () => [
      ...([il.implicit(), 'differentiate'] as const),
      [losses, { w: v() }, { l: v() }, {}, {}],
    ],
    minimize: () => {
      const w = v();
      const loss = () => tf.sum(tf.square(w));
      return [il.implicitSGD(1), 'minimize', [loss, true, [w], { weights: [1] }]];
    },
    step: () => {
      const w = v();
      const loss = () => tf.sum(tf.square(w));
      return [il.implicitAdam(1), 'step', [loss, [w], {}, { weights: [1] }]];
    },
    solve: () => [il.cg(), 'solve', [diagonal(), numbers(), undefined, start()]],
    solveSync: () => [il.gmres(), 'solveSync', [diagonal(), numbers(), undefined, start()]],
    solveDeferred: () => [il.dense(), 'solveDeferred', [diagonal(), numbers(), undefined, start()]],
  };

  it.each(Object.entries(calls))('%s', async (_, make) => {
    const [owner, name, args] = make();
    const method = Reflect.get(owner, name) as AnyFunction;
    await expect((async () => Reflect.apply(method, owner, args))()).rejects.toThrow(
      /after the last argument of/,
    );
  });

  it('but for what map adds', () => {
    expect([0.1, 0.2].map(il.gradientDescent)).toHaveLength(2);
    expect([0.1, 0.2].map(il.inverseTime)).toHaveLength(2);
  });
});

describe('settings of what was made cannot be assigned', () => {
  const values = {
    ...{ cg: il.cg(), dense: il.dense(), adam: il.adam(0.1), chebyshev: il.chebyshev() },
    ...{ implicit: il.implicit(), box: il.box(), simplex: il.simplex(), ball: il.ball() },
    unrolled: il.unrolled({ method: il.gradientDescent(0.1), steps: 1 }),
    ...{ stepControl: il.stepControl(), perWeightL2: il.perWeightL2() },
    sampleWeights: il.sampleWeights({ count: 2 }),
    implicitGLM: il.implicitGLM({ family: 'linear', rate: () => 0.1 }),
    implicitSGD: il.implicitSGD(0.1),
  };

  it.each(Object.entries(values))('%s', (_, value) => {
    const names = [...Object.keys(value).filter((name) => name !== 'iterations_'), 'misspelt'];
    for (const name of names) {
      expect(() => Reflect.set(value, name, {}), name).toThrow(il.InputError);
    }
  });

  it('nor of a run', () => {
    const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
    const run = il.bilevel(
      { inner: square, outer: square },
      {
        ...{ w: { w }, λ: { l }, how: il.implicit() },
        inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
        outer: { optimizer: il.gradientDescent(0.1) },
      },
    );
    expect(() => Object.assign(run, { steps: 3 })).toThrow(/the assignment of 3 to 'steps'/);
    run.dispose();
  });

  it('and they print, compare and travel as a record', () => {
    const solver = il.cg({ tolerance: 1e-3 });
    const record = { name: 'cg', tolerance: 1e-3, maxIterations: 100, damping: 0 };
    expect(solver).toEqual(record);
    expect({ ...solver }).toEqual(record);
    expect(JSON.parse(JSON.stringify(solver))).toEqual(record);
  });

  it('options that are changed after unrolled() count no more', async () => {
    const options = { method: il.gradientDescent(0.1), steps: 1 };
    const way = il.unrolled(options);
    options.steps = 5;
    const problem = {
      inner: ({ w }: il.NamedTensors, { l }: il.NamedTensors) =>
        tf.sum(tf.mul(tf.square(w!), l!)) as tf.Scalar,
      outer: square,
    };
    const w = { w: tf.tensor1d([1]) };
    const { w: reached } = await il.hypergradient(problem, w, { l: tf.tensor1d([1]) }, way);
    expect((await reached.w!.data())[0]).toBeCloseTo(0.8, 6);
  });
});
