import * as tf from '@tensorflow/tfjs';
import {
  adam,
  argminAsync,
  cg,
  eigenvalues,
  hessian,
  hypergradient,
  implicitAdam,
  kkt,
  type LinearOperator,
  type NamedTensors,
  nystrom,
  powerIteration,
  proximalStep,
  solveMany,
  spectralDensity,
  stationarity,
  trace,
  unrolled,
} from '../../lib';
import { beforehand } from './gaps';

/** What is awaited, by its name. */
export type Work = [string, () => Promise<void>];

interface Losses {
  loss(w: NamedTensors): tf.Scalar;
  inner(w: NamedTensors, λ: NamedTensors): tf.Scalar;
  outer(w: NamedTensors): tf.Scalar;
  w: NamedTensors;
  λ: NamedTensors;
}

/** Work with the derivatives of a loss besides hypergradients and steps. */
export const toolWorks = (losses: Losses): Work[] => [
  ...derivativeWorks(losses),
  ...curvatureWorks(losses),
  ['proximalStep with hessian()', () => proximal(losses)],
  ['state of implicitAdam saved and loaded', () => savedState(losses)],
];

function derivativeWorks({ inner, outer, w, λ }: Losses): Work[] {
  const solver = cg({ tolerance: 1e-12, maxIterations: 8 });
  const learned = { ...λ, rate: tf.scalar(-7) };
  return [
    [
      'argminAsync and its derivative',
      async () => {
        const optimality = stationarity<NamedTensors>((w, l) => inner(w, { l: l! }));
        for (let i = 0; i < 3; i++) {
          const copies = () => tf.tidy(() => ({ ...mapped(w, (value) => value.clone()) }));
          const solution = await quietly(() => argminAsync(copies, optimality, { solver })(λ.l!));
          tf.dispose(await quietly(() => solution.pullBack(solution.value)));
          solution.dispose();
        }
      },
    ],
    [
      'argminAsync of kkt()',
      async () => {
        const weights = Object.keys(w);
        const shapes = weights.map((name) => w[name]!.shape);
        const sizes = weights.map((name) => w[name]!.size);
        const parts = (x: tf.Tensor) =>
          Object.fromEntries(
            tf.split(x, sizes).map((part, i) => [weights[i]!, tf.reshape(part, shapes[i]!)]),
          );
        const optimality = kkt({
          objective: (x, l) => inner(parts(x), { l: l! }),
          equality: (x) => tf.sum(x),
        });
        const solve = () =>
          tf.tidy(() => ({
            x: tf.concat(weights.map((name) => tf.reshape(w[name]!, [-1]))),
            equality: tf.scalar(1),
          }));
        const solution = await argminAsync<NamedTensors>(solve, optimality, { solver })(λ.l!);
        tf.dispose(await quietly(() => solution.pullBack(solution.value)));
        solution.dispose();
      },
    ],
    [
      'hypergradient, unrolled, learned rate',
      async () => {
        const how = unrolled({ method: ({ rate }) => adam(tf.exp(rate!)), steps: 6 });
        const problem = {
          inner: (w: NamedTensors, { l }: NamedTensors) => inner(w, { l: l! }),
          outer,
        };
        for (let i = 0; i < 2; i++) {
          const { value } = await hypergradient(problem, w, learned, how);
          tf.dispose(value);
        }
      },
    ],
  ];
}

const mapped = (x: NamedTensors, f: (value: tf.Tensor) => tf.Tensor): NamedTensors =>
  Object.fromEntries(Object.entries(x).map(([name, value]) => [name, f(value)]));

/** Without the warning that eight iterations do not solve the system. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await work();
  } finally {
    console.warn = warn;
  }
}

function curvatureWorks({ loss, w }: Losses): Work[] {
  const withHessian = (use: (H: ReturnType<typeof hessian>) => Promise<unknown>) => async () => {
    // `hessian` itself does not wait.
    const H = beforehand(() => hessian(loss, w));
    await use(H);
    H.dispose();
  };
  const directions = () =>
    beforehand(() =>
      [1, 2, 3, 4].map((k) => tf.tidy(() => mapped(w, (value) => tf.cos(tf.mul(k, value))))),
    );
  return [
    ['hessian, eigenvalues', withHessian((H) => eigenvalues(H, { largest: 2, like: w }))],
    ['hessian, trace', withHessian((H) => trace(H, { probes: 6, like: w }))],
    [
      'hessian, spectralDensity',
      withHessian((H) => spectralDensity(H, { probes: 1, steps: 10, like: w })),
    ],
    [
      'hessian, nystrom',
      withHessian(async (H) => {
        (await nystrom(twice(H), w, { rank: 6 })).dispose();
      }),
    ],
    ['hessian, powerIteration', withHessian((H) => powerIteration(H, w, { iterations: 4 }))],
    [
      'hessian, solveMany',
      withHessian(async (H) => {
        const right = directions();
        const solver = cg({ damping: 1, tolerance: 1e-12, maxIterations: 6 });
        for (const { value } of await solveMany(H, right, { solver })) tf.dispose(value);
        tf.dispose(right);
      }),
    ],
  ];
}

/** `H²`, which is positive semidefinite. */
const twice = (H: ReturnType<typeof hessian>): LinearOperator<NamedTensors> => ({
  apply: (v) => tf.tidy(() => H.apply(H.apply(v))),
  *applyInPieces(v) {
    const Hv = yield* H.applyInPieces(v);
    try {
      yield;
      return yield* H.applyInPieces(Hv);
    } finally {
      tf.dispose(Hv);
    }
  },
  dispose() {},
});

async function proximal({ loss, w }: Losses): Promise<void> {
  const problem = { loss, curvatureAt: (y: NamedTensors) => hessian(loss, y) };
  const solver = cg({ maxIterations: 8 });
  tf.dispose((await proximalStep(problem, w, 0.1, { solver, maxIterations: 4 })).value);
}

async function savedState({ loss, w }: Losses): Promise<void> {
  const variables = mapped(w, (value) => tf.variable(value.clone()));
  const optimizer = implicitAdam(0.01);
  const list = Object.values(variables) as tf.Variable[];
  await optimizer.step(() => loss(variables), list);
  for (let i = 0; i < 3; i++) {
    await optimizer.setWeights(await optimizer.getWeights());
    await optimizer.step(() => loss(variables), list);
  }
  optimizer.dispose();
  tf.dispose(variables);
}
