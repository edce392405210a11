import * as tf from '@tensorflow/tfjs';
import {
  adam,
  bilevel,
  cg,
  cnn,
  compiled,
  freePrograms,
  hypergradient,
  implicit,
  implicitAdam,
  implicitSGD,
  kronecker,
  type LossProblem,
  type Model,
  markOutput,
  mlp,
  type NamedTensors,
  rnn,
  unrolled,
  useBackend,
} from '../../lib';
import { chosenParts } from '../parts';
import { aloneWorks } from './alone';
import { gapsDuring, knowsMainThread, longest, noted } from './gaps';
import { toolWorks, type Work } from './tools';

/** A timer of 5 ms is to get a tick at least so often, in milliseconds. */
const MOST = 50;
const BATCH = 128;

interface Part {
  model: Model;
  /** Numbers of an input. */
  size: number;
}

const parts: Record<string, Part> = {
  mlp: { model: mlp({ sizes: [784, 200, 10] }), size: 784 },
  cnn: { model: cnn(), size: 784 },
  rnn: { model: rnn(), size: 784 },
  long: { model: rnn({ steps: 112 }), size: 112 * 28 },
};

/** `npm run bench -- turns [mlp] [cnn] [rnn] [long] [alone]`: how long timers wait while the library works. */
export async function run(args: string[]): Promise<void> {
  const chosen = chosenParts(args, { ...parts, alone: undefined });
  if (chosen === undefined) return;
  await useBackend('wasm', { threads: 1 });
  console.log(
    `A timer of 5 ms runs beside the work. A gap is the processor time from tick to tick, of ${
      knowsMainThread
        ? 'the main thread'
        : 'all\nthreads: collecting garbage and compiling JavaScript beside the work count too'
    }.
Ratio: the longest gap to the longest call of a user's loss alone, in the same run.
long: the recurrent network with 112 steps; alone: work without a network.\n`,
  );
  console.log(row(['', 'ticks', `> ${MOST} ms`, 'longest', 'loss', 'ratio']));
  for (const name of chosen) {
    const part = parts[name];
    if (part !== undefined) await measured(name, part);
    else for (const work of aloneWorks()) await report(name, work);
  }
}

const WIDTHS = [40, 8, 10, 12, 10, 8];
const row = (cells: readonly string[]) =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]!) : cell.padStart(WIDTHS[i]!))).join('');

async function measured(name: string, { model, size }: Part): Promise<void> {
  const images = tf.tidy(() => tf.abs(tf.sin(tf.mul(tf.range(0, BATCH * size), 12.9898))));
  const x = images.reshape([BATCH, size]) as tf.Tensor2D;
  const labels = tf.tidy(() =>
    tf.oneHot(
      tf.tensor1d(
        Array.from({ length: BATCH }, (_, i) => i % 10),
        'int32',
      ),
      10,
    ),
  );
  const cross = (params: NamedTensors) =>
    tf.losses.softmaxCrossEntropy(labels, model.predict(params, x)) as tf.Scalar;
  const marked = (params: NamedTensors) =>
    tf.losses.softmaxCrossEntropy(labels, markOutput(model.predict(params, x))) as tf.Scalar;
  const inner = (w: NamedTensors, { l }: NamedTensors) =>
    tf.tidy(() =>
      Object.values(w).reduce<tf.Scalar>(
        (sum, each) => tf.add(sum, tf.mul(tf.exp(l!), tf.sum(tf.square(each)))),
        cross(w),
      ),
    );
  const outer = (w: NamedTensors) => cross(w);
  const plain: LossProblem = {
    inner: noted((w: NamedTensors, λ: NamedTensors) => inner(w, λ)),
    outer: noted((w: NamedTensors) => outer(w)),
  };
  const declared = (): LossProblem => ({
    inner: compiled(noted((w: NamedTensors, λ: NamedTensors) => inner(w, λ))),
    outer: compiled(noted((w: NamedTensors) => outer(w))),
  });
  const w = model.init(1);
  const λ = { l: tf.scalar(-3) };
  const how = implicit({ solver: cg({ tolerance: 1e-12, maxIterations: 8 }) });

  const hypergradients = async (problem: LossProblem, by: typeof how, times: number) => {
    for (let i = 0; i < times; i++) {
      const { value } = await hypergradient(problem, w, λ, by);
      tf.dispose(value);
    }
  };
  const bilevelRun = async (problem: LossProblem) => {
    const run = bilevel(problem, {
      w,
      λ,
      inner: { optimizer: adam(0.001), steps: 6 },
      outer: { optimizer: adam(0.01) },
      how,
      steps: 4,
    });
    for await (const _ of run);
    run.dispose();
  };
  const steps = async (
    make: () => ReturnType<typeof implicitSGD> | ReturnType<typeof implicitAdam>,
    { count = 6, losses = 1, of = cross } = {},
  ) => {
    const variables = Object.values(w).map((each) => tf.variable(each.clone()));
    const at = Object.fromEntries(Object.keys(w).map((key, i) => [key, variables[i]!]));
    const optimizer = make();
    const loss = noted(() => of(at));
    const given = losses === 1 ? loss : Array.from({ length: losses }, () => loss);
    for (let i = 0; i < count; i++) await optimizer.step(given, variables);
    optimizer.dispose();
    tf.dispose(variables);
  };
  const bySteps = unrolled({ method: adam(0.001), steps: 6 }) as never;
  const curvature = 'gauss-newton';
  const preconditioner = kronecker({ every: 2 });
  const works: Work[] = [
    ['hypergradient', () => hypergradients(plain, how, 4)],
    ['hypergradient, compiled', () => hypergradients(declared(), how, 4)],
    ['hypergradient, unrolled', () => hypergradients(plain, bySteps, 3)],
    ['hypergradient, unrolled, compiled', () => hypergradients(declared(), bySteps, 3)],
    ['bilevel', () => bilevelRun(plain)],
    ['bilevel, compiled', () => bilevelRun(declared())],
    ['step of implicitSGD', () => steps(() => implicitSGD(0.1))],
    ['step of implicitAdam', () => steps(() => implicitAdam(0.01))],
    ['Gauss–Newton step', () => steps(() => implicitSGD(0.1, { curvature }), { of: marked })],
    [
      'Gauss–Newton step with kronecker()',
      () => steps(() => implicitSGD(0.1, { curvature, preconditioner }), { of: marked }),
    ],
    ["step of implicitAdam('auto')", () => steps(() => implicitAdam('auto'))],
    ['exact step', () => steps(() => implicitSGD(0.1, { exact: true }), { count: 2 })],
    ['step on three losses', () => steps(() => implicitSGD(0.1), { count: 2, losses: 3 })],
    ...toolWorks({
      loss: noted((at: NamedTensors) => cross(at)),
      inner: noted((w: NamedTensors, λ: NamedTensors) => inner(w, λ)),
      outer,
      w,
      λ,
    }),
  ];
  // What JavaScript takes to become fast is not what is asked here.
  tf.dispose([outer(w), inner(w, λ)]);
  for (const work of works) await report(name, work);
  tf.dispose([images, x, labels, w, λ]);
}

/** A line on how long a timer waits during some work. */
async function report(name: string, [work, go]: Work): Promise<void> {
  freePrograms();
  longest.loss = 0;
  const gaps = await gapsDuring(go);
  const most = Math.max(...gaps);
  const over = gaps.filter((gap) => gap > MOST).length;
  console.log(
    row([
      `${name}: ${work}`,
      `${gaps.length}`,
      `${over}`,
      `${most.toFixed(0)} ms`,
      // Work on what was recorded before calls no loss.
      longest.loss === 0 ? '–' : `${longest.loss.toFixed(0)} ms`,
      longest.loss === 0 ? '–' : (most / longest.loss).toFixed(1),
    ]),
  );
}
