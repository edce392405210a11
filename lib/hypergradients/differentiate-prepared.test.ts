import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import {
  compiled,
  flatSpaceOn,
  freePrograms,
  markAuxiliary,
  preparedDerivative,
  rememberedOf,
} from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import { NotFiniteError, SolveError } from '../errors';
import { adam, gradientDescent } from '../methods';
import { join } from '../problems';
import { cg, type LinearSolver, neumann } from '../solvers';
import type { NamedTensors } from '../spaces';
import { bilevel, hypergradient, implicit } from '.';
import { differentiatePrepared } from './differentiate-prepared';
import type { ImplicitDerivative, ImplicitOptions } from './implicit-options';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

const X = normal([30, 7], 1) as tf.Tensor2D;
const y = normal([30, 1], 2);
const misfit = ({ u, v }: NamedTensors) => {
  const z = tf.add(tf.matMul(X, u as tf.Tensor2D), v!);
  return tf.mean(tf.softplus(tf.mul(y, z)));
};
const inner = (w: NamedTensors, { λ, μ }: NamedTensors) => {
  const penalty = tf.add(tf.sum(tf.mul(λ!, tf.square(w.u!))), tf.mul(μ!, tf.square(w.v!)));
  return tf.add(misfit(w), tf.mul(0.5, tf.sum(penalty))) as tf.Scalar;
};
const outer = (w: NamedTensors, { λ }: NamedTensors) =>
  tf.add(misfit(w), tf.mul(0.1, tf.sum(tf.square(λ!)))) as tf.Scalar;
const declared = () => ({ inner: compiled(inner), outer: compiled(outer) });
/** With a penalty below 0 the Hessian is indefinite. */
const at = (penalty = 0.3) => ({
  w: { u: normal([7, 1], 3), v: normal([1], 4) },
  λ: { λ: tf.mul(penalty, tf.linspace(0.5, 1.5, 7).reshape([7, 1])), μ: tf.tensor1d([penalty]) },
});
/** How many tensors that makes. */
const POINT = 6;
const start = () => ({ u: normal([7, 1], 5, 0.1), v: normal([1], 6, 0.1) });
const bytes = () => flatSpaceOn(tf.backend() as Heap).bytes;

type Problem = ReturnType<typeof declared>;
type Found = ImplicitDerivative<NamedTensors>;
type Options = { start?: NamedTensors; watch?: () => void };

function asked(problem: Problem, how: ImplicitOptions, options: Options = {}, penalty?: number) {
  const { start, watch } = options;
  return {
    settings: how as Required<ImplicitOptions>,
    problem,
    ...at(penalty),
    options: start === undefined ? {} : { start },
    count: { products: 0, ...(watch && { watch }) },
  };
}

/** At once, as if iterations were known to take no time: how long they take is not what is tested. */
function atOnce(...args: Parameters<typeof asked>): Promise<Found> | undefined {
  const given = asked(...args);
  const { inner, outer } = given.problem;
  const losses = { inner: rememberedOf(inner)!, outer: rememberedOf(outer)! };
  const prepared = preparedDerivative(losses, given, join, given.settings.diagnose);
  for (let i = 0; i < 9; i++) prepared?.portions.took(1e6, 1);
  return differentiatePrepared(given);
}

const numbersOf = ({ value, adjoint }: Found) =>
  [value, adjoint].flatMap((x) => Object.values(x).map((each) => [...each.dataSync()]));
const reportOf = ({ stats: { seconds: _, ...report } }: Found) => report;

const ordinary: [string, (trace: object) => LinearSolver][] = [
  ['cg', (trace) => cg({ tolerance: 1e-3, ...trace })],
  ['cg that is looked at', (trace) => cg({ tolerance: 1e-5, best: 'energy', ...trace })],
  ['cg cut off', (trace) => cg({ tolerance: 0, maxIterations: 3, ...trace })],
  [
    'cg cut off, by energy',
    (trace) => cg({ tolerance: 0, maxIterations: 3, best: 'energy', ...trace }),
  ],
  ['cg, damped', (trace) => cg({ tolerance: 1e-3, damping: 0.2, ...trace })],
  ['neumann', (trace) => neumann({ terms: 9, scale: 1, ...trace })],
  ['one term', (trace) => neumann({ terms: 1, scale: 1, ...trace })],
  ['neumann, damped', (trace) => neumann({ terms: 9, scale: 1, damping: 0.3, ...trace })],
  [
    'neumann to a tolerance',
    (trace) => neumann({ terms: 90, scale: 1, tolerance: 1e-2, ...trace }),
  ],
];

describe.each([false, true])('a prepared derivative, with a diagnosis: %s', (diagnose) => {
  it.each(ordinary)('is to the last bit the one that is not: %s', async (_, solver) => {
    const problem = declared();
    const of = (trace: object) => implicit({ solver: solver(trace), estimate: false, diagnose });
    // What is traced goes product by product, by another route.
    const traced = of({ trace() {} });
    const cold = await hypergradient(problem, at().w, at().λ, traced);
    const warm = await hypergradient(problem, at().w, at().λ, traced, { start: start() });
    const from = start();
    const [tensors, held] = [tf.memory().numTensors, bytes()];
    for (const [options, other] of [
      [{}, cold],
      [{ start: from }, warm],
    ] as const) {
      const found = (await atOnce(problem, of({}), options))!;
      expect(numbersOf(found)).toEqual(numbersOf(other));
      expect(reportOf(found)).toEqual(reportOf(other));
      tf.dispose([found.value, found.adjoint]);
    }
    expect(bytes()).toBe(held);
    // The points, and what they are computed from.
    expect(tf.memory().numTensors).toBe(tensors + 2 * POINT);
  });
});

const series = implicit({ solver: neumann({ terms: 9, scale: 1 }), estimate: false });

/** A problem whose programs are known. */
async function known(): Promise<Problem> {
  const problem = declared();
  await hypergradient(problem, at().w, at().λ, series);
  return problem;
}

const conjugate = cg();
const own = { ...conjugate, solve: conjugate.solve } as LinearSolver;

it.each([
  ['an estimate of the error', { ...series, estimate: {} }],
  ['a scale that is to be found', { ...series, solver: neumann({ terms: 9 }) }],
  ['a traced solve', { ...series, solver: cg({ trace() {} }) }],
  ['a solver of your own', { ...series, solver: own }],
])('is left to the other routes: %s', async (_, how) => {
  const problem = await known();
  const before = bytes();
  expect(atOnce(problem, how)).toBeUndefined();
  expect(bytes()).toBe(before);
});

it('a loss that is not declared, or marks something, is left to the other routes', async () => {
  expect(differentiatePrepared(asked({ ...declared(), outer } as Problem, series))).toBeUndefined();
  const marking = compiled((w: NamedTensors, λ: NamedTensors) => {
    const loss = outer(w, λ);
    markAuxiliary({ loss });
    return loss;
  });
  const problem = { ...declared(), outer: marking };
  for (let i = 0; i < 3; i++) {
    const { auxiliary } = await hypergradient(problem, at().w, at().λ, series);
    expect(auxiliary).toBeDefined();
  }
});

describe('what is unusual', () => {
  const unusual: [string, (trace: object) => LinearSolver, number?][] = [
    ['negative curvature', (trace) => cg({ ...trace }), -0.3],
    ['a series that diverges', (trace) => neumann({ terms: 30, scale: 9, ...trace })],
    ['a tolerance that rounding forbids', (trace) => cg({ tolerance: 1e-12, ...trace })],
  ];
  it.each(unusual)('is reported as by the other routes: %s', async (_, solver, penalty) => {
    const problem = await known();
    const { w, λ } = at(penalty);
    const of = (trace: object) => implicit({ solver: solver(trace), estimate: false });
    const wanted = await hypergradient(problem, w, λ, of({ trace() {} }));
    const held = bytes();
    for (let i = 0; i < 6; i++) {
      const found = await hypergradient(problem, w, λ, of({}));
      expect(numbersOf(found)).toEqual(numbersOf(wanted));
      expect(reportOf(found)).toEqual(reportOf(wanted));
    }
    expect(bytes()).toBe(held);
  });

  it('hyperparameters without effect are named', async () => {
    const idle = compiled((w: NamedTensors, { λ, μ }: NamedTensors) =>
      inner(w, { λ: λ!, μ: tf.mul(0, μ!) }),
    );
    const problem = { ...declared(), inner: idle };
    for (let i = 0; i < 12; i++) {
      const { stats } = await hypergradient(problem, at().w, at().λ, series);
      expect(stats.zero).toEqual(['μ']);
      expect(stats.products).toBe(11);
    }
  });

  it('onFailure throws, and a loss that is not finite is named', async () => {
    const problem = await known();
    const { w, λ } = at();
    const how = implicit({ ...series, onFailure: 'throw' });
    await expect(hypergradient(problem, w, λ, how)).rejects.toThrow(SolveError);
    const far = { ...w, v: tf.tensor1d([Number.NaN]) };
    await expect(hypergradient(problem, far, λ, series)).rejects.toThrow(NotFiniteError);
  });
});

it('an error of the watch ends it, and nothing is left behind', async () => {
  const problem = await known();
  for (const moment of [1, 2]) {
    let calls = 0;
    const watch = () => {
      if (++calls === moment) throw new Error('enough');
    };
    const held = bytes();
    expect(() => atOnce(problem, series, { watch })).toThrow('enough');
    expect(bytes()).toBe(held);
  }
});

it('another derivative within a watch, and programs that are freed meanwhile, change nothing', async () => {
  const problem = await known();
  const wanted = numbersOf((await atOnce(problem, series))!);
  const inside: Promise<Found>[] = [];
  const watch = () => {
    const within = atOnce(problem, series);
    if (within !== undefined) inside.push(within);
    freePrograms();
    problem.inner.free();
    problem.outer.free();
  };
  const found = await atOnce(problem, series, { watch });
  expect(numbersOf(found!)).toEqual(wanted);
  expect(inside.length).toBe(1);
  expect(numbersOf(await inside[0]!)).toEqual(wanted);
  expect(atOnce(problem, series)).toBeUndefined();
  const again = await hypergradient(problem, at().w, at().λ, series);
  expect(numbersOf(again)).toEqual(wanted);
});

it('a loss that was freed captures what there is when it is traced again', async () => {
  let target = 1;
  const fit = ({ a }: NamedTensors) =>
    tf.sum(tf.square(tf.sub(a!, tf.scalar(target)))) as tf.Scalar;
  const penalised = (w: NamedTensors, λ: NamedTensors) =>
    tf.add(fit(w), tf.sum(tf.mul(λ.a!, tf.square(w.a!)))) as tf.Scalar;
  const problem = { inner: compiled(penalised), outer: compiled(fit) } as Problem;
  const one = implicit({ solver: neumann({ terms: 1, scale: 0.25 }), estimate: false });
  const [w, λ] = [{ a: tf.ones([3]) }, { a: tf.ones([3]) }];
  for (target of [2, 3, 5]) {
    problem.outer.free();
    // Where the last target was.
    for (let i = 0; i < 4; i++) tf.fill([1], 99);
    for (let i = 0; i < 3; i++) {
      const found = await hypergradient(problem, w, λ, one);
      // A quarter of ∂g/∂w.
      expect([...found.adjoint.a!.dataSync()]).toEqual(Array(3).fill((1 - target) / 2));
    }
  }
});

it('vectors of other names, shapes and order have derivatives of their own', async () => {
  const loss = ({ a }: NamedTensors, λ: NamedTensors) =>
    tf.add(tf.sum(tf.square(tf.sub(a!, 1))), tf.sum(tf.mul(λ.a!, tf.square(a!)))) as tf.Scalar;
  const problem = { inner: compiled(loss), outer: compiled(loss) } as Problem;
  const quarter = implicit({ solver: neumann({ terms: 9, scale: 0.25 }), estimate: false });
  for (const shape of [[2], [3], [2, 1], [1, 2], [4], [5], [2]]) {
    for (let i = 0; i < 3; i++) {
      const [w, λ] = [{ a: tf.fill(shape, 2) }, { a: tf.fill(shape, 0.5) }];
      const { value } = await hypergradient(problem, w, λ, quarter);
      expect(value.a!.shape).toEqual(shape);
      // ∂g/∂λ − Bᵀ α Σ (1 − α H)ᵏ ∂g/∂w with H = 3, B = 2a = 4, ∂g/∂w = 4 and α = 1/4.
      const wanted = 4 - (16 / 3) * (1 - 4 ** -9);
      for (const number of value.a!.dataSync()) expect(number).toBeCloseTo(wanted, 5);
    }
  }
});

it('an outer loop takes the same steps', async () => {
  const problem = await known();
  const run = async (trace: object) => {
    const steps = bilevel(problem, {
      ...at(),
      how: implicit({ solver: neumann({ terms: 9, scale: 1, ...trace }), estimate: false }),
      inner: { optimizer: gradientDescent(0.3), steps: 4 },
      outer: { optimizer: adam(0.05) },
      steps: 4,
    });
    const found: unknown[] = [];
    for await (const { seconds: _, ...step } of steps) found.push(step);
    found.push(Object.values(steps.λ).map((x) => [...x.dataSync()]));
    steps.dispose();
    return found;
  };
  expect(await run({})).toEqual(await run({ trace() {} }));
});
