import * as tf from '@tensorflow/tfjs';
import { exampleBatches } from 'implicit-lab-course';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import type { Stepper } from './adam-variants';
import { type DeepTask, deepTasks } from './deep/tasks';
import { markdownTable } from './grid';
import { disposeTask } from './tasks';
import { lossOf, variablesOf } from './train';

/** Written down before the runs. */
const [SEED, DIGITS] = [2, 500];
const STEPS = [0, 1, 2, 3, 10, 30];
const curvature = 'gauss-newton';

const makers: Record<string, () => Stepper> = {
  "implicitAdam('auto', { initial: 1 })": () => implicitAdam('auto', { curvature, initial: 1 }),
  "implicitAdam('auto')": () => implicitAdam('auto', { curvature }),
  "implicitSGD('auto')": () => implicitSGD('auto', { curvature }),
  'Adam at 0.0032': () => tf.train.adam(0.0032),
};

/** How much of a digit still reaches the last hidden layer of the small autoencoder, step by step. */
export async function signal(): Promise<string> {
  const task = deepTasks.find(({ name }) => name === 'small autoencoder')!.make('short');
  const rows = Object.entries(makers).map(([method, make]) => ({
    method,
    ...courseOf(task, make()),
  }));
  disposeTask(task);
  return `The small autoencoder from seed ${SEED}: the standard deviation, over ${DIGITS} digits, of the activations of the last hidden layer (the mean over its units), after so many steps. It is what distinguishes digits there; where it is lost, nothing that the gradient has brings it back.

${markdownTable(rows)}`;
}

function courseOf(task: DeepTask, optimizer: Stepper): Record<string, string> {
  const variables = variablesOf(task.model, SEED);
  const list = Object.values(variables);
  const seen: Record<string, string> = {};
  const look = (step: number) => {
    if (STEPS.includes(step)) seen[`${step} steps`] = spread(task, variables).toExponential(0);
  };
  look(0);
  let step = 0;
  for (const { x, y } of exampleBatches(task.train, { size: task.batch, seed: SEED })) {
    const loss = lossOf(task, { x, y });
    if (step < STEPS.at(-1)!) {
      optimizer.minimize(() => loss(variables), false, list);
      look(++step);
    }
    tf.dispose([x, y]);
  }
  optimizer.dispose();
  tf.dispose(list);
  return seen;
}

function spread({ train }: DeepTask, variables: Record<string, tf.Variable>): number {
  const named = Object.entries(variables);
  const [weights, biases] = [2, 1].map((rank) =>
    named.filter(([, { shape }]) => shape.length === rank).map(([, value]) => value),
  );
  return tf.tidy(() => {
    const first = tf.slice(train.x, [0, 0], [DIGITS, -1]) as tf.Tensor2D;
    const last = weights!
      .slice(0, -1)
      .reduce(
        (a, W, i) => tf.sigmoid(tf.add(tf.matMul(a, W as tf.Tensor2D), biases![i]!)) as tf.Tensor2D,
        first,
      );
    return tf.mean(tf.sqrt(tf.moments(last, 0).variance)).dataSync()[0]!;
  });
}
