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

/** What does an implicit step of ten CG iterations cost on a million parameters? */
export async function size(): Promise<string> {
  const rows = [];
  for (const model of models) rows.push(...(await rowsOf(model)));
  return `Batch ${BATCH}, ten iterations of CG, which are eleven products: the last checks the residual. Implicit SGD takes them in the rows of the batch, which implicit Adam, whose system has a diagonal, cannot. Times are medians of ${ROUNDS} rounds, in each of which everything ran once, on one thread; the ratio is that of the same round. A gradient is \`valueAndGradient\` of the same loss. Copies of all parameters: the most that was held at once, counted in bytes, beyond the recorded evaluation; with the gradient, which the recording owns, it is one more.

${markdownTable(rows)}`;
}

async function rowsOf(model: Model): Promise<Record<string, string>[]> {
  const variables = variablesOf(model, 1);
  const list = Object.values(variables);
  const count = list.reduce((sum, { size }) => sum + size, 0);
  const x = tf.randomUniform([BATCH, 784], 0, 1, 'float32', 1);
  const y = tf.cast(tf.oneHot(tf.randomUniform([BATCH], 0, 10, 'int32', 2), 10), 'float32');
  const of = (params: NamedTensors) =>
    tf.tidy(() => softmaxCrossEntropy(y, markOutput(model.predict(params, x))));
  const loss = () => of(variables);
  const contenders = {
    // A rate at which no curvature is too negative for CG.
    'implicit SGD, Hessian': { curvature: 'hessian', rate: 0.1, make: implicitSGD },
    'implicit SGD, Gauss–Newton': { curvature: 'gauss-newton', rate: 1, make: implicitSGD },
    'implicit Adam, Gauss–Newton': { curvature: 'gauss-newton', rate: 1e-3, make: implicitAdam },
  } as const;

  const rows: Record<string, string>[] = [];
  for (const [name, { curvature, rate, make }] of Object.entries(contenders)) {
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
  tf.dispose([list, x, y]);
  return rows;
}

/** Processor seconds. */
function timed(f: () => void): number {
  const clock = startClock();
  f();
  return clock().cpu;
}

const median = (values: number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
