import * as tf from '@tensorflow/tfjs';
import { markOutput, recordGradient, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { peakBytes } from '../../lib/descent/testing';
import { type Model, mlp } from '../../lib/models';
import { cg } from '../../lib/solvers';
import type { NamedTensors } from '../../lib/spaces';
import { markdownTable } from './grid';
import { startClock, variablesOf } from './train';

const BATCH = 128;
const ROUNDS = 5;
const models: Model[] = [
  mlp({ sizes: [784, 1300, 10], activation: 'relu' }),
  mlp({ sizes: [784, 800, 500, 10], activation: 'sigmoid' }),
];
const solver = cg({ tolerance: 0, maxIterations: 10, best: 'energy' });

const contenders = {
  // A rate at which no curvature is too negative for CG.
  'implicit SGD, Hessian': { curvature: 'hessian', rate: 0.1, make: implicitSGD },
  'implicit SGD, Gauss–Newton': { curvature: 'gauss-newton', rate: 1, make: implicitSGD },
  'implicit Adam, Hessian': { curvature: 'hessian', rate: 1e-5, make: implicitAdam },
  'implicit Adam, Gauss–Newton': { curvature: 'gauss-newton', rate: 1e-3, make: implicitAdam },
} as const;

/** The networks of the study and of lesson 05, and one that is deep; written down before the runs. */
const smaller: Model[] = [
  mlp({ sizes: [784, 32, 10], activation: 'relu' }),
  mlp({ sizes: [784, 200, 10], activation: 'relu' }),
  mlp({ sizes: [784, 100, 50, 10], activation: 'sigmoid' }),
];
const ITERATIONS = [1, 2, 5, 10];
const SMALL_BATCH = 200;
/** What a step of k iterations may cost beyond k gradients. */
const ALLOWED = 2.5;

/** What does an implicit step cost, in gradients of the same loss? */
export async function size(): Promise<string> {
  const rows = [];
  const costs = [];
  for (const model of smaller) costs.push(...costsOf(model));
  for (const model of models) rows.push(...(await rowsOf(model)));
  return `Batch ${SMALL_BATCH}: processor time of a step of k iterations of CG, in gradients (\`valueAndGradient\`, a compiled program) of the same loss; medians of ${SMALL_ROUNDS} rounds on one thread. The goal is at most k + ${ALLOWED}; larger costs are **bold**.

${markdownTable(costs)}

Batch ${BATCH}, ten iterations of CG, which are ten products. Implicit SGD takes them in the rows of the batch, which implicit Adam, whose system has a diagonal, cannot. Times are medians of ${ROUNDS} rounds on one thread, in each of which everything ran once; ratios are taken within a round. A gradient is \`valueAndGradient\` of the same loss. “Copies held” is the peak number of bytes beyond the recorded evaluation, divided by those of all parameters; the gradient, which the recording owns, is one copy more.

${markdownTable(rows)}`;
}

async function rowsOf(model: Model): Promise<Record<string, string>[]> {
  const variables = variablesOf(model, 1);
  const list = Object.values(variables);
  const restore = restorer(list);
  const count = list.reduce((sum, { size }) => sum + size, 0);
  const x = tf.randomUniform([BATCH, 784], 0, 1, 'float32', 1);
  const y = tf.cast(tf.oneHot(tf.randomUniform([BATCH], 0, 10, 'int32', 2), 10), 'float32');
  const of = (params: NamedTensors) =>
    tf.tidy(() => softmaxCrossEntropy(y, markOutput(model.predict(params, x))));
  const loss = () => of(variables);

  const rows: Record<string, string>[] = [];
  for (const [name, { curvature, rate, make }] of Object.entries(contenders)) {
    restore();
    const optimizer = make(rate, { curvature, solver });
    const gradient = () => {
      const result = valueAndGradient(of, variables);
      tf.dispose([result.value, result.gradient]);
    };
    const step = () => optimizer.minimize(loss, false, list);
    const times: { gradient: number; step: number }[] = [];
    for (let round = -2; round < ROUNDS; round++) {
      const both = { gradient: timed(gradient), step: timed(step) };
      if (round >= 0) times.push(both);
    }
    const before = tf.memory().numBytes;
    const recorded = recordGradient(loss, variables, { curvature });
    tf.dispose(recorded.apply({ ...variables }));
    const tape = tf.memory().numBytes - before;
    recorded.dispose();
    const copies = (peakBytes(step) - tape) / (4 * count);
    const { products } = await optimizer.lastStep();
    optimizer.dispose();
    rows.push({
      network: model.name,
      parameters: count.toLocaleString('en'),
      optimizer: name,
      products: `${products}`,
      'gradient (ms)': (1000 * median(times.map((t) => t.gradient))).toFixed(1),
      'step (ms)': (1000 * median(times.map((t) => t.step))).toFixed(0),
      'step (gradients)': median(times.map((t) => t.step / t.gradient)).toFixed(1),
      'copies held': copies.toFixed(2),
    });
  }
  restore.dispose();
  tf.dispose([list, x, y]);
  return rows;
}

const SMALL_ROUNDS = 11;
/** Calls in one measurement of something that takes milliseconds. */
const CALLS = 10;

function costsOf(model: Model): Record<string, string>[] {
  const variables = variablesOf(model, 1);
  const list = Object.values(variables);
  const restore = restorer(list);
  const x = tf.randomUniform([SMALL_BATCH, 784], 0, 1, 'float32', 1);
  const y = tf.cast(tf.oneHot(tf.randomUniform([SMALL_BATCH], 0, 10, 'int32', 2), 10), 'float32');
  const of = (params: NamedTensors) =>
    tf.tidy(() => softmaxCrossEntropy(y, markOutput(model.predict(params, x))));
  const gradient = () => {
    const result = valueAndGradient(of, variables);
    tf.dispose([result.value, result.gradient]);
  };
  const repeated = (f: () => void) => timed(() => Array.from({ length: CALLS }, f)) / CALLS;
  const rows = Object.entries(contenders).map(([name, { curvature, rate, make }]) => {
    const row: Record<string, string> = { network: model.name, optimizer: name };
    for (const k of ITERATIONS) {
      const steps = cg({ tolerance: 0, maxIterations: k, best: 'energy' });
      restore();
      const optimizer = make(rate, { curvature, solver: steps });
      const step = () => optimizer.minimize(() => of(variables), false, list);
      const ratios: number[] = [];
      for (let round = -1; round < SMALL_ROUNDS; round++) {
        const [one, other] = [repeated(gradient), repeated(step)];
        if (round >= 0) ratios.push(other / one);
      }
      optimizer.dispose();
      const ratio = median(ratios);
      const cell = ratio.toFixed(1);
      row[`k = ${k}`] = ratio > k + ALLOWED ? `**${cell}**` : cell;
    }
    console.log(Object.values(row).join(', '));
    return row;
  });
  restore.dispose();
  tf.dispose([list, x, y]);
  return rows;
}

/**
 * Puts variables back to the values of now: every cell of the table starts from the same weights. From
 * weights that earlier cells have trained, tolerance 0 asks conjugate gradients for more than float32 holds.
 */
function restorer(variables: readonly tf.Variable[]): (() => void) & { dispose(): void } {
  const values = variables.map((variable) => variable.clone());
  const restore = () => variables.forEach((variable, i) => void variable.assign(values[i]!));
  return Object.assign(restore, { dispose: () => void tf.dispose(values) });
}

/** Processor seconds. */
function timed(f: () => void): number {
  const clock = startClock();
  f();
  return clock().cpu;
}

const median = (values: number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
