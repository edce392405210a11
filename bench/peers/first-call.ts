import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { compiled, tracedCounts } from '../../lib/autodiff';
import { softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { cnn, type Model, rnn } from '../../lib/models';
import type { NamedTensors } from '../../lib/spaces';
import { BATCHES, gradientOf } from './gradients';
import type { Workload } from './workload';
import { alone, logisticProblem, mlp, mlpProblem, NAMES, settings } from './workloads';

/** What a process of its own measures for one workload, from its start. */
export interface FirstCall {
  /** Milliseconds from the start of the process to the first result. */
  whole: number;
  /** Milliseconds of the first call, and of programs made in it. */
  first: number;
  compile?: number;
  /** MiB after some calls. */
  peak: number;
}

/** The process of ours: of a folder of data and the name of a workload. */
async function main([folder, name]: string[]): Promise<void> {
  await useBackend('wasm');
  const { shapes } = JSON.parse(readFileSync(join(folder!, 'manifest.json'), 'utf8')) as {
    shapes: Record<string, number[]>;
  };
  const tensor = (of: string) => {
    const bytes = new Uint8Array(readFileSync(join(folder!, `${of}.bin`)));
    return tf.tensor(new Float32Array(bytes.buffer), shapes[of]!);
  };
  const { run } = workloadOf(name!, tensor);
  const start = performance.now();
  const call = async () => tf.dispose((await run()) as tf.TensorContainer);
  await call();
  const whole = performance.now();
  const compile = tracedCounts().milliseconds;
  for (let i = 1; i < CALLS; i++) await call();
  const peak = process.resourceUsage().maxRSS / 1024;
  const said: FirstCall = { whole, first: whole - start, compile, peak };
  console.log(JSON.stringify(said));
}

/** How many calls decide the peak. */
export const CALLS = 5;

function workloadOf(name: string, tensor: (name: string) => tf.Tensor): Workload {
  const of = (prefix: string, names: readonly string[] = NAMES): NamedTensors =>
    Object.fromEntries(names.map((each) => [each, tensor(`${prefix}_${each}`)]));
  const iterations = Number(name.split(' ').at(-1));
  if (name.startsWith('W1')) {
    const problem = logisticProblem(tensor);
    return alone(name, problem, { w: tensor('w1_solution') }, { λ: tensor('w1_lam') }, { cg: 20 });
  }
  if (name.startsWith('W3')) {
    const [X, Y, Xv, Yv] = ['X', 'Y', 'Xv', 'Yv'].map((each) => tensor(`w3_${each}`)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const linear = name.includes('CG')
      ? { cg: iterations }
      : { terms: iterations, scale: settings.w3.scale };
    return alone(name, mlpProblem({ X, Y, Xv, Yv }), of('w3'), of('w3_lam'), linear);
  }
  const rows = name.startsWith('CNN') ? BATCHES.cnn.batch : BATCHES.rnn.batch;
  const [x, y] = [tensor('net_X'), tensor('net_Y')].map((all) =>
    tf.slice(all, [0, 0], [rows, all.shape[1]!]),
  ) as [tf.Tensor2D, tf.Tensor2D];
  const networkOf = (label: string, prefix: string, model: Model | undefined) => {
    const w = of(prefix, model === undefined ? NAMES : Object.keys(model.init(1)));
    const predict = model?.predict ?? ((w: NamedTensors) => mlp(w, x, tf.relu));
    const loss = compiled((w: NamedTensors) => softmaxCrossEntropy(y, predict(w, x)) as tf.Scalar);
    return gradientOf({ name: label, loss, w, v: w });
  };
  if (name.startsWith('CNN')) return networkOf('CNN', 'cnn', cnn({ filters: [8, 16] }));
  if (name.startsWith('RNN')) return networkOf('RNN', 'rnn', rnn());
  return networkOf('MLP 128', 'net', undefined);
}

if (require.main === module) main(process.argv.slice(2));
