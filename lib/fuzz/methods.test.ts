import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';
import { faultOf, release } from './harness';
import { given, problem, Thrown, Values } from './values';

/** Calls of each method: a few in every run, many where FULL is set. */
const CALLS = process.env.FULL ? 60 : 6;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

type Two = [w: tf.Tensor1D, l: tf.Tensor1D];
type Method = (...args: unknown[]) => unknown;

/** An object as a user has it, and right arguments for its methods, to be spoiled. */
interface Subject {
  make(...two: Two): object;
  methods: Record<string, (...two: Two) => unknown[]>;
}

const numbers = () => Float64Array.of(1, 2);
const square = ({ w }: il.NamedTensors) => tf.sum(tf.square(given(w))) as tf.Scalar;
const diagonal = {
  apply(v: Float64Array) {
    if (!(v instanceof Float64Array)) throw new Thrown('no numbers');
    return v.map((value, i) => (2 + i) * value);
  },
  dispose() {},
};
const sample = () => ({ x: numbers(), y: 1 });
const decay = (y: Float64Array) => y.map((v) => -v);

const runOf = (w: tf.Tensor, l: tf.Tensor) =>
  il.bilevel(problem, {
    ...{ w: { w }, λ: { l }, how: il.implicit({ estimate: false }), steps: 2 },
    inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
    outer: { optimizer: il.gradientDescent(0.1) },
  });

/** A variable that the optimizers step. */
const variable = tf.variable(tf.tensor1d([3, -2]), true, 'fuzzed');
const loss = () => tf.sum(tf.square(variable)) as tf.Scalar;
const optimizer = {
  step: () => [loss, [variable]],
  minimize: () => [loss, true, [variable]],
  computeGradients: () => [loss, [variable]],
  setWeights: () => [[]],
  setLearningRate: () => [0.1],
  lastStep: () => [],
  getWeights: () => [],
};

const solver = {
  solve: () => [diagonal, numbers(), { start: numbers() }],
  solveSync: () => [diagonal, numbers(), { start: numbers() }],
  solveDeferred: () => [diagonal, numbers(), {}],
};
const differentiate = { differentiate: (w: tf.Tensor, l: tf.Tensor) => [problem, { w }, { l }] };
const constraint = { project: () => [numbers()] };

const subjects: Record<string, Subject> = {
  'a run of bilevel': { make: runOf, methods: { save: () => [], dispose: () => [] } },
  implicitSGD: { make: () => il.implicitSGD(0.1), methods: optimizer },
  'implicitSGD, exact': { make: () => il.implicitSGD(0.1, { exact: true }), methods: optimizer },
  implicitAdam: { make: () => il.implicitAdam(0.1), methods: optimizer },
  "implicitSGD('auto')": { make: () => il.implicitSGD('auto'), methods: optimizer },
  "implicitAdam('auto')": {
    make: () => il.implicitAdam('auto', { initial: 0.1 }),
    methods: optimizer,
  },
  hessian: {
    make: (w) => il.hessian(square, { w }),
    methods: { apply: (_, l) => [{ w: l }] },
  },
  gaussNewton: {
    make: (w) =>
      il.gaussNewton(
        { predict: ({ w }) => tf.square(given(w)), loss: (z) => tf.sum(z) as tf.Scalar },
        { w },
      ),
    methods: { apply: (_, l) => [{ w: l }] },
  },
  linearize: {
    make: (w) => il.linearize(({ w }) => tf.square(given(w)), { w }),
    methods: { jvp: (_, l) => [{ w: l }], vjp: (_, l) => [l] },
  },
  implicitGLM: {
    make: () => il.implicitGLM({ family: 'linear', rate: () => 0.1 }),
    methods: {
      step: () => [numbers(), sample(), 0.1],
      fit: () => [[sample(), sample()], numbers()],
    },
  },
  explicitGLM: {
    make: () => il.explicitGLM({ family: 'poisson', rate: () => 0.1 }),
    methods: {
      step: () => [numbers(), sample(), 0.1],
      fit: () => [[sample()], numbers()],
    },
  },
  cg: { make: () => il.cg({ maxIterations: 3 }), methods: solver },
  minres: { make: () => il.minres({ maxIterations: 3 }), methods: solver },
  gmres: { make: () => il.gmres({ maxIterations: 3 }), methods: solver },
  cgNormal: { make: () => il.cgNormal({ maxIterations: 3 }), methods: solver },
  neumann: { make: () => il.neumann({ terms: 3, scale: 0.2 }), methods: solver },
  fixedPoint: { make: () => il.fixedPoint({ maxIterations: 3 }), methods: solver },
  dense: { make: () => il.dense(), methods: solver },
  'implicit()': { make: () => il.implicit({ estimate: false }), methods: differentiate },
  'unrolled()': {
    make: () => il.unrolled({ method: il.gradientDescent(0.1), steps: 2 }),
    methods: differentiate,
  },
  box: { make: () => il.box({ lower: 0, upper: 1 }), methods: constraint },
  simplex: { make: () => il.simplex(), methods: constraint },
  ball: { make: () => il.ball({ radius: 1 }), methods: constraint },
  radau: {
    make: () => il.radau(decay, numbers(), { to: 1 }),
    methods: { at: () => [0.5] },
  },
  stepControl: {
    make: () => il.stepControl(),
    methods: {
      next: () => [
        { step: 0, loss: 0, tolerance: 0, moved: 0, longest: 0 },
        { loss: 1, norm: 1, tolerance: 0.1 },
      ],
    },
  },
  random: {
    make: () => il.random(1),
    methods: { uniform: () => [], integer: () => [3], normals: () => [3] },
  },
  'a function of argmin': {
    make: () => ({
      x: il.argmin(
        (θ: tf.Tensor) => given(θ).clone(),
        (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, given(θ)),
      ),
    }),
    methods: { x: (w) => [w] },
  },
  'a method of unrolling': {
    make: () => il.gradientDescent(0.1),
    methods: { on: () => [{ mu: 1, L: 2 }] },
  },
};

const cases = Object.entries(subjects).flatMap(([name, { make, methods }]) =>
  Object.entries(methods).map(([method, args]) => ({ name, method, make, args })),
);

describe.each(['cpu', 'wasm'] as const)('on %s methods of what is returned', (backend) => {
  beforeAll(async () => {
    await il.useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
    for (const kind of ['log', 'warn', 'error', 'info'] as const) {
      vi.spyOn(console, kind).mockImplementation(() => {});
    }
  });

  it.each(cases)('$name: $method gives typed errors and leaves no tensor', async (c) => {
    const faults: string[] = [];
    for (let i = 0; i < CALLS; i++) {
      const seed = SEED * 1e6 + i * 1000 + cases.indexOf(c);
      const stream = il.random(seed);
      const values = new Values(stream);
      const two: Two = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
      const right = c.args(...two);
      const spoil = right.length > 0 && stream.uniform() < 0.75;
      const args = spoil
        ? values.spoiled(right)
        : Array.from({ length: stream.integer(4) }, () => values.any());
      const subject = c.make(...two);
      const before = await variable.data();
      const call = () =>
        ((subject as Record<string, Method>)[c.method] as Method).call(subject, ...args);
      const { fault, threw } = await faultOf(call, values, two);
      if (fault !== undefined) faults.push(`seed ${seed}: ${fault}`);
      const after = await variable.data();
      if (threw && String(before) !== String(after)) faults.push(`seed ${seed}: weights moved`);
      variable.assign(tf.tidy(() => tf.keep(tf.tensor1d([3, -2]))));
      release(subject);
    }
    expect(faults).toEqual([]);
  });
});
