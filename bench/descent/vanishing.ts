import * as tf from '@tensorflow/tfjs';
import { exampleBatches, type FeatureExamples } from 'implicit-lab-course';
import { valueAndGradient } from '../../lib/autodiff';
import { type ImplicitAdam, implicitAdam } from '../../lib/descent';
import type { NamedTensors } from '../../lib/spaces';
import { deepTasks } from './deep/tasks';
import { markdownTable } from './grid';
import { disposeTask, studyTasks } from './tasks';
import { judged, lossOf, type Task, variablesOf } from './train';

/** Written down before the runs of the table: other seeds chose the bound. */
const [SEEDS, STEPS, FIRST] = [[2, 3], 100, 10];
const INITIAL = [0.01, 1];
/** More than a run has: no two seeds go through batches in the same order. */
const EPOCHS = 1e5;
/** What is left of the gradient of a matrix after a step that is taken back, and what δ is then multiplied by. */
const [BOUND, SHORTER] = [0.12, 0.25];

/**
 * Does a step after which the gradient of some matrix is nearly 0 show that a network was spoilt? By how much it
 * falls in one step, and what becomes of runs that take such a step back.
 */
export async function vanishing(): Promise<string> {
  const rows: Record<string, string>[] = [];
  const row = async (name: string, task: Task, initial: number, isDeep: boolean) => {
    for (const seed of SEEDS) {
      const plain = await runOf(task, initial, seed, isDeep ? STEPS : FIRST, 0);
      const taken = isDeep ? await runOf(task, initial, seed, STEPS, BOUND) : undefined;
      rows.push({
        network: name,
        'first δ': `${initial}`,
        seed: `${seed}`,
        'least share left by a step': plain.least.toPrecision(2),
        'error in the end': isDeep ? plain.error.toPrecision(3) : '',
        'steps taken back': taken ? `${taken.back}` : '',
        'error in the end, with that': taken ? taken.error.toPrecision(3) : '',
      });
      console.log(Object.values(rows.at(-1)!).join(', '));
    }
  };
  const deep = deepTasks.find(({ name }) => name === 'small autoencoder')!.make('short');
  for (const initial of INITIAL) await row('small autoencoder', deep, initial, true);
  disposeTask(deep);
  for (const { name, make } of studyTasks) {
    const task = make();
    for (const initial of INITIAL) await row(name, task, initial, false);
    disposeTask(task);
  }
  return `\`implicitAdam('auto', { initial })\`. “Least share left by a step”: of the norm of the gradient of a matrix of weights, from one batch to the next, the least over the matrices and the first ${FIRST} steps. Taken back, in the last two columns, was one of these steps after which less than ${BOUND} was left: weights and state as before it, and ${SHORTER} of its δ. Errors after ${STEPS} steps, on digits held out; where no step was taken back both runs are the same but for rounding, which is not the same while programs are made.

${markdownTable(rows)}`;
}

/** What a step can be taken back to. */
interface Before {
  weights: tf.Tensor[];
  state: Awaited<ReturnType<ImplicitAdam['getWeights']>>;
  norms: number[];
  stepSize: number;
}

async function runOf(task: Task, initial: number, seed: number, steps: number, bound: number) {
  const variables = variablesOf(task.model, seed);
  const list = Object.values(variables);
  const optimizer = implicitAdam('auto', { initial, curvature: 'gauss-newton' });
  let before: Before | undefined;
  let [step, back, least] = [0, 0, Number.POSITIVE_INFINITY];
  for (const { x, y } of batchesOf(task, seed)) {
    const loss = lossOf(task, { x, y });
    if (step <= FIRST) {
      let norms = normsOf(loss, variables);
      const left = Math.min(...norms.map((norm, i) => norm / (before?.norms[i] ?? norm)));
      least = Math.min(least, left);
      if (before && left < bound) {
        back++;
        for (const [i, variable] of list.entries()) variable.assign(before.weights[i]!);
        await optimizer.setWeights(before.state);
        optimizer.learningRate = SHORTER * before.stepSize;
        norms = normsOf(loss, variables);
      }
      if (before) free(before);
      const state = await optimizer.getWeights();
      before = {
        weights: list.map((variable) => copyOf(variable)),
        state: state.map(({ name, tensor }) => ({ name, tensor: copyOf(tensor) })),
        norms,
        stepSize: 0,
      };
    }
    const isOver = step === steps;
    if (!isOver) {
      optimizer.minimize(() => loss(variables), false, list);
      if (before) before.stepSize = (await optimizer.lastStep()).stepSize;
      step++;
    }
    tf.dispose([x, y]);
    if (isOver) break;
  }
  const error = (await judged(task, variables, task.validation ?? task.test)).loss;
  if (before) free(before);
  optimizer.dispose();
  tf.dispose(list);
  return { error, back, least };
}

function* batchesOf({ train, batch }: Task, seed: number): Generator<FeatureExamples> {
  for (let epoch = 0; ; epoch++) {
    yield* exampleBatches(train, { size: batch, seed: EPOCHS * (seed - 1) + epoch });
  }
}

const copyOf = (x: tf.Tensor) => tf.keep(tf.tidy(() => tf.clone(x)));

const free = ({ weights, state }: Before) =>
  tf.dispose([...weights, ...state.map(({ tensor }) => tensor)]);

/** The norms of the gradients of matrices. */
function normsOf(loss: (x: NamedTensors) => tf.Scalar, variables: NamedTensors): number[] {
  const { value, gradient } = valueAndGradient(
    (x: NamedTensors) => tf.tidy(() => loss(x)),
    variables,
  );
  const norms = Object.values(gradient)
    .filter(({ rank }) => rank > 1)
    .map((each) => tf.tidy(() => tf.norm(each).dataSync()[0]!));
  tf.dispose([value, gradient]);
  return norms;
}
