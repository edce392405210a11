import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { gaussNewton, hessian, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { cnn, type Model, mlp } from '../../lib/models';
import { mapTensors } from '../../lib/spaces';

/** Milliseconds of one evaluation, by what is evaluated. */
type Times = Record<string, number>;

interface Row {
  model: string;
  batch: number;
  webgpu: Times;
  /** The same in PyTorch on the same GPU, where it is installed. */
  torch?: Times;
}

const models: { name: string; model: Model }[] = [
  { name: 'mlp', model: mlp({ sizes: [784, 200, 10], activation: 'relu' }) },
  { name: 'cnn', model: cnn({ filters: [8, 16] }) },
];

/** A loss on random images, and what can be asked of it. */
function questions(model: Model, batch: number) {
  const input = tf.randomUniform([batch, 784], 0, 1, 'float32', 1);
  const classes = Array.from({ length: batch }, (_, i) => (7 * i) % 10);
  const labels = tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), 10), 'float32');
  const x = model.init(3);
  const v = mapTensors(x, ({ shape }) => tf.randomNormal(shape, 0, 1, 'float32', 4));
  const predict = (p: typeof x) => model.predict(p, input);
  const loss = (z: tf.Tensor) => softmaxCrossEntropy(labels, z);
  const H = hessian((p) => loss(predict(p)), x);
  const G = gaussNewton({ predict, loss }, x);
  const gradient = () => {
    const { value, gradient } = valueAndGradient((p) => loss(predict(p)), x);
    return { value, ...gradient };
  };
  return {
    ask: { gradient, hessian: () => H.apply(v), gaussNewton: () => G.apply(v) },
    dispose() {
      H.dispose();
      G.dispose();
      tf.dispose([input, labels, x, v]);
    },
  };
}

/** Every number that a model answers with, on the current backend. */
async function answers(model: Model): Promise<number[][]> {
  const { ask, dispose } = questions(model, 32);
  const numbers: number[][] = [];
  for (const answer of Object.values(ask)) {
    const tensors = Object.values(answer());
    for (const t of tensors) numbers.push(Array.from(await t.data()));
    tf.dispose(tensors);
  }
  dispose();
  return numbers;
}

/** The largest difference from cpu, and the largest number of each tensor. */
async function errorAgainstCpu(model: Model): Promise<number> {
  await useBackend('cpu');
  const expected = await answers(model);
  await useBackend('webgpu');
  const found = await answers(model);
  const largest = (a: number[]) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const errors = expected.map(
    (e, i) => largest(e.map((x, j) => x - found[i]![j]!)) / Math.max(1e-6, largest(e)),
  );
  return Math.max(...errors);
}

/** The median over rounds of several evaluations, each round ended by reading one number. */
async function time(answer: () => Record<string, tf.Tensor>): Promise<number> {
  const wait = async () => {
    const tensors = answer();
    const one = tf.tidy(() => tf.slice(tf.reshape(Object.values(tensors).at(-1)!, [-1]), 0, 1));
    await one.data();
    tf.dispose([tensors, one]);
  };
  await wait();
  await wait();
  const repeats = 5;
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const start = performance.now();
    for (let i = 1; i < repeats; i++) tf.dispose(answer());
    await wait();
    rounds.push((performance.now() - start) / repeats);
  }
  return rounds.sort((a, b) => a - b)[3]!;
}

/** The same questions in PyTorch; nothing where it or its GPU is missing. */
function torch(batches: number[]): Record<string, Times> {
  const script = join(__dirname, 'torch_times.py');
  const { status, stdout } = spawnSync('python3', [script, ...batches.map(String)], {
    encoding: 'utf8',
  });
  return status === 0 ? (JSON.parse(stdout) as Record<string, Times>) : {};
}

/**
 * Checks webgpu against cpu, times it over batch sizes, and writes what it found.
 *
 * @param args where to write, and the largest batch
 */
export async function measure([file = 'gpu.json', largest = '16384']: string[]): Promise<void> {
  const batches = [128, 512, 2048, 8192, 16384].filter((n) => n <= Number(largest));
  const errors: Record<string, number> = {};
  for (const { name, model } of models) {
    errors[name] = await errorAgainstCpu(model);
    console.log(`${name}: largest difference from cpu ${errors[name]!.toExponential(1)}`);
    if (!(errors[name]! < 1e-3)) throw new Error(`webgpu disagrees with cpu on the ${name}`);
  }
  const { device } = await useBackend('webgpu');
  const peers = torch(batches);
  const rows: Row[] = [];
  for (const { name, model } of models) {
    for (const batch of batches) {
      const { ask, dispose } = questions(model, batch);
      const webgpu: Times = {};
      for (const [what, answer] of Object.entries(ask)) webgpu[what] = await time(answer);
      dispose();
      const peer = peers[`${name} ${batch}`];
      rows.push({ model: name, batch, webgpu, ...(peer && { torch: peer }) });
      const show = (times: Times) =>
        Object.entries(times)
          .map(([what, ms]) => `${what} ${ms.toFixed(2)}`)
          .join(', ');
      console.log(`${name} ${batch}: ${show(webgpu)}${peer ? ` | PyTorch: ${show(peer)}` : ''}`);
    }
  }
  mkdirSync(dirname(file), { recursive: true });
  const versions = { node: process.version, tfjs: tf.version.tfjs };
  writeFileSync(file, `${JSON.stringify({ device, ...versions, errors, rows }, null, 2)}\n`);
  console.log(`${device}: written to ${file}`);
}
