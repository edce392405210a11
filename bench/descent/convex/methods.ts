import * as tf from '@tensorflow/tfjs';
import { lbfgs } from '../../../course/experiments';
import { sigmoidCrossEntropy } from '../../../lib/backends';
import { implicitAdam, implicitSGD } from '../../../lib/descent';
import { implicitGLM } from '../../../lib/descent/glm';
import { families, type GlmName } from '../../../lib/descent/glm/family';
import { random } from '../../../lib/numbers';
import { cg, dense } from '../../../lib/solvers';
import { float64, type LinearOperator, type NamedTensors, type Vector } from '../../../lib/spaces';
import type { Stepper } from '../adam-variants';
import { type Course, emptyCourse, startClock, type Task, train } from '../train';
import { type ConvexProblem, type Drawn, gradientOf, meanLoss } from './problems';

/**
 * Written down before the runs: the decades that every method with a rate is run at. Beside the best of
 * them the rates a factor √10 from it are run as well.
 */
export const RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4];
/** First δ of what tunes itself. */
export const INITIAL = [1e-4, 1, 1e4];
/** Pairs that L-BFGS keeps. */
const MEMORIES = [5, 10, 30];

/** A method with the values of the one number it has. */
export interface ConvexMethod {
  name: string;
  /** How it goes through the rows. */
  by: 'sample' | 'batch' | 'large batch' | 'all rows';
  /** What `values` are. */
  called: 'rate' | 'first δ' | 'pairs';
  values: readonly number[];
  /** Whether all values are reported, for what needs no tuning. */
  untuned?: boolean;
  run(
    problem: ConvexProblem,
    drawn: Drawn,
    value: number,
    budget: number,
    seed: number,
  ): Course | Promise<Course>;
}

/** The clock of a run in plain numbers; it stops while the run is judged. */
class Watch {
  readonly course = emptyCourse();
  readonly #drawn: Drawn;
  readonly #budget: number;
  readonly #target: number;
  #clock = startClock();
  #seconds = 0;

  constructor(drawn: Drawn, { target }: ConvexProblem, budget: number) {
    this.#drawn = drawn;
    this.#target = target;
    this.#budget = budget;
  }

  /** Judges θ; false once the target is reached, the budget used up, or θ is not finite. */
  look(theta: Float64Array, steps: number): boolean {
    this.#seconds += this.#clock().cpu;
    const { course } = this;
    const [test, held] = [this.#drawn.left(theta, 'test'), this.#drawn.left(theta, 'validation')];
    if (!Number.isFinite(test) || !Number.isFinite(held)) {
      course.diverged = true;
      return false;
    }
    course.steps.push(steps);
    course.seconds.push(this.#seconds);
    course.wall.push(this.#seconds);
    course.losses.push(test);
    course.validation.push(held);
    const isOver = this.#seconds >= this.#budget || (test <= this.#target && held <= this.#target);
    const isHopeless = this.#seconds > this.#budget / 4 && test > 1;
    this.#clock = startClock();
    return !isOver && !isHopeless;
  }
}

/** Rows in a new order for each pass; a step for each, looked at after ever longer whiles. */
function samples(drawn: Drawn, seed: number) {
  const { x, y } = drawn.train;
  let [order, at, pass]: [Uint32Array, number, number] = [new Uint32Array(0), 0, 0];
  return (count: number) =>
    Array.from({ length: count }, () => {
      if (at === order.length) {
        order = random(1000 * seed + pass).permutation(x.length);
        [at, pass] = [0, pass + 1];
      }
      const i = order[at++]!;
      return { x: x[i]!, y: y[i]! };
    });
}

/** Steps between two looks. */
const chunk = (steps: number) => Math.max(10, Math.ceil(0.2 * steps));

/** γ / √t: the rates of every method that goes sample by sample. */
const falling = (rate: number) => (t: number) => rate / Math.sqrt(t);

/** `implicitGLM` as it is; `averaged` judges the mean of all θ. */
const glm =
  (averaged: boolean): ConvexMethod['run'] =>
  (problem, drawn, rate, budget, seed) => {
    const gamma = falling(rate);
    let steps = 0;
    const method = implicitGLM({ family: problem.family, rate: (t) => gamma(steps + t) });
    const more = samples(drawn, seed);
    let theta: Float64Array = new Float64Array(problem.dimension);
    let average = theta;
    const watch = new Watch(drawn, problem, budget);
    while (watch.look(averaged ? average : theta, steps)) {
      const fit = method.fit(more(chunk(steps)), theta);
      if (fit.status === 'diverged') {
        watch.course.diverged = true;
        break;
      }
      const share = fit.steps / (steps + fit.steps);
      average = float64.axpy(
        share,
        fit.average,
        average.map((value) => (1 - share) * value),
      );
      steps += fit.steps;
      theta = fit.theta;
    }
    return watch.course;
  };

/** A rule for one sample, in place, given xᵀθ's residual h − y. */
type Rule = (
  state: { theta: Float64Array; m: Float64Array; v: Float64Array },
  x: Float64Array,
  residual: number,
  rate: number,
  t: number,
) => void;

const explicit: Rule = ({ theta }, x, residual, rate) => {
  for (let j = 0; j < x.length; j++) theta[j]! -= rate * residual * x[j]!;
};

const adagrad: Rule = ({ theta, v }, x, residual, rate, t) => {
  // Its rates fall by themselves.
  const constant = rate * Math.sqrt(t);
  for (let j = 0; j < x.length; j++) {
    const g = residual * x[j]!;
    v[j]! += g * g;
    theta[j]! -= (constant * g) / (Math.sqrt(v[j]!) + 1e-12);
  }
};

const adam: Rule = ({ theta, m, v }, x, residual, rate, t) => {
  const [first, second] = [1 - 0.9 ** t, 1 - 0.999 ** t];
  for (let j = 0; j < x.length; j++) {
    const g = residual * x[j]!;
    m[j] = 0.9 * m[j]! + 0.1 * g;
    v[j] = 0.999 * v[j]! + 0.001 * g * g;
    theta[j]! -= (rate * m[j]!) / first / (Math.sqrt(v[j]! / second) + 1e-8);
  }
};

const bySample =
  (rule: Rule): ConvexMethod['run'] =>
  (problem, drawn, value, budget, seed) => {
    const [rate, more, { mean }] = [falling(value), samples(drawn, seed), families[problem.family]];
    const zero = () => new Float64Array(problem.dimension);
    const state = { theta: zero(), m: zero(), v: zero() };
    const watch = new Watch(drawn, problem, budget);
    for (let t = 0; watch.look(state.theta, t); ) {
      for (const { x, y } of more(chunk(t))) {
        t++;
        for (let j = 0; j < x.length; j++) state.theta[j]! *= 1 - rate(t) * drawn.ridge;
        rule(state, x, mean(float64.dot(x, state.theta)) - y, rate(t), t);
      }
    }
    return watch.course;
  };

const curvature = 'gauss-newton';

type Maker = (value: number, problem: ConvexProblem, drawn: Drawn) => Stepper;

const inBatches =
  (make: Maker, rows?: number): ConvexMethod['run'] =>
  async (problem, drawn, value, seconds, seed) => {
    const task = tasks.get(drawn) ?? taskOf(problem, drawn);
    tasks.set(drawn, task);
    const batch = Math.min(rows ?? problem.batch, drawn.train.x.length);
    const budget = { seconds, steps: 1e6, target: problem.target, patience: seconds / 4 };
    return train({ ...task, batch }, () => make(value, problem, drawn), budget, seed);
  };

/** Rows of a large batch: all of them, except of the stream. */
export const LARGE = 20_000;

/** The system is solved by its matrix: as many products as there are features. */
const solvedDirectly: Maker = (initial) =>
  implicitSGD('auto', { initial, curvature, solver: dense() });

/** What was put into tensors already. */
const tasks = new Map<Drawn, Task>();

/** Frees the tensors of all draws. */
export function forget(): void {
  for (const { train } of tasks.values()) tf.dispose([train.x, train.y]);
  tasks.clear();
}

const losses: Record<GlmName, (y: tf.Tensor2D, z: tf.Tensor2D) => tf.Scalar> = {
  linear: (y, z) => tf.mul(0.5, tf.mean(tf.square(tf.sub(z, y)))),
  logistic: (y, z) => sigmoidCrossEntropy(y, z) as tf.Scalar,
  poisson: (y, z) => tf.mean(tf.sub(tf.exp(z), tf.mul(y, z))),
};

/** The same problem on tensors. */
function taskOf({ dimension, family, batch }: ConvexProblem, drawn: Drawn): Task {
  const { x, y } = drawn.train;
  const all = new Float32Array(x.length * dimension);
  x.forEach((row, i) => {
    all.set(row, i * dimension);
  });
  const train = {
    x: tf.tensor2d(all, [x.length, dimension]),
    y: tf.tensor2d(Float32Array.from(y), [y.length, 1]),
  };
  const judge = (which: 'validation' | 'test') => async (params: NamedTensors) => ({
    loss: drawn.left(Float64Array.from(await params.w!.data()), which),
    accuracy: 0,
  });
  const judges = { validation: judge('validation'), test: judge('test') };
  const [held, test] = [{ ...train }, { ...train }];
  return {
    model: {
      name: family,
      init: () => ({ w: tf.zeros([dimension, 1]) }),
      predict: ({ w }, rows) => tf.matMul(rows as tf.Tensor2D, w as tf.Tensor2D),
    },
    train,
    validation: held,
    test,
    batch,
    loss: losses[family],
    ...(drawn.ridge > 0 && {
      penalty: ({ w }: NamedTensors) => tf.mul(drawn.ridge / 2, tf.sum(tf.square(w!))) as tf.Scalar,
    }),
    judge: (params, examples) => judges[examples === test ? 'test' : 'validation'](params),
  };
}

const quasiNewton: ConvexMethod['run'] = async (problem, drawn, memory, budget) => {
  const family = families[problem.family];
  const { train: rows, ridge } = drawn;
  const watch = new Watch(drawn, problem, budget);
  let steps = 0;
  const start = new Float64Array(problem.dimension);
  watch.look(start, 0);
  const objective = (theta: Float64Array) => ({
    value: meanLoss(problem.family, rows, theta) + (ridge / 2) * float64.dot(theta, theta),
    gradient: gradientOf(family, rows, theta, ridge),
  });
  await lbfgs(objective, start, {
    memory,
    maxIterations: 1e6,
    watch: (w) => watch.look(w, ++steps),
  });
  return watch.course;
};

/** `implicitSGD('auto')` with CG preconditioned by `1/(1 + δhⱼ)`, h the diagonal of the Hessian at θ = 0. */
function preconditioned(initial: number, { family }: ConvexProblem, { train, ridge }: Drawn) {
  const slope = families[family].slope(0) / train.x.length;
  const h = new Float32Array(train.x[0]!.length).fill(ridge);
  for (const x of train.x) for (let j = 0; j < h.length; j++) h[j]! += slope * x[j]! ** 2;
  const preconditioner = {
    apply: (v: NamedTensors) =>
      tf.tidy(() => ({
        w: tf.div(v.w!, tf.add(1, tf.mul(optimizer.learningRate, tf.tensor2d(h, [h.length, 1])))),
      })),
    dispose() {},
  };
  const solver = cg({
    tolerance: 0.1,
    maxIterations: 10,
    best: 'energy',
    preconditioner: preconditioner as LinearOperator<Vector>,
  });
  const optimizer = implicitSGD('auto', { initial, curvature, solver });
  return optimizer;
}

/** All methods, in the order of the tables. */
export const methods: readonly ConvexMethod[] = [
  { name: 'implicitGLM', by: 'sample', called: 'rate', values: RATES, run: glm(false) },
  { name: 'implicitGLM, averaged', by: 'sample', called: 'rate', values: RATES, run: glm(true) },
  { name: 'SGD', by: 'sample', called: 'rate', values: RATES, run: bySample(explicit) },
  {
    name: 'AdaGrad',
    by: 'sample',
    called: 'rate',
    values: RATES,
    run: bySample(adagrad),
  },
  { name: 'Adam, by sample', by: 'sample', called: 'rate', values: RATES, run: bySample(adam) },
  {
    name: "implicitSGD('auto')",
    by: 'batch',
    called: 'first δ',
    values: INITIAL,
    untuned: true,
    run: inBatches((initial) => implicitSGD('auto', { initial, curvature })),
  },
  {
    name: "implicitAdam('auto')",
    by: 'batch',
    called: 'first δ',
    values: INITIAL,
    untuned: true,
    run: inBatches((initial) => implicitAdam('auto', { initial, curvature })),
  },
  {
    name: "implicitSGD('auto'), preconditioned",
    by: 'batch',
    called: 'first δ',
    values: INITIAL,
    untuned: true,
    run: inBatches(preconditioned),
  },
  {
    name: "implicitSGD('auto'), dense()",
    by: 'batch',
    called: 'first δ',
    values: INITIAL,
    untuned: true,
    run: inBatches(solvedDirectly),
  },
  {
    name: "implicitSGD('auto'), dense(), large batches",
    by: 'large batch',
    called: 'first δ',
    values: INITIAL,
    untuned: true,
    run: inBatches(solvedDirectly, LARGE),
  },
  {
    name: 'implicitSGD(δ)',
    by: 'batch',
    called: 'rate',
    values: RATES,
    run: inBatches((rate) => implicitSGD(rate, { curvature })),
  },
  {
    name: 'momentum',
    by: 'batch',
    called: 'rate',
    values: RATES,
    run: inBatches((r) => tf.train.momentum(r, 0.9)),
  },
  {
    name: 'Adam',
    by: 'batch',
    called: 'rate',
    values: RATES,
    run: inBatches((r) => tf.train.adam(r)),
  },
  { name: 'L-BFGS', by: 'all rows', called: 'pairs', values: MEMORIES, run: quasiNewton },
];
