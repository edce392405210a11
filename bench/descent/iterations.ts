import * as tf from '@tensorflow/tfjs';
import type { FeatureExamples } from 'implicit-lab-course';
import { implicitAdam, implicitSGD, type Kronecker, kronecker } from '../../lib/descent';
import { cg } from '../../lib/solvers';
import { markdownTable } from './grid';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { lossOf, variablesOf } from './train';

/** Written down before the runs. */
const TASKS = ['MLP', 'CNN', 'RNN'];
const [WARM_UP, SEED] = [12, 2];
/** The optimizers, and δ of the step that is looked at: about what `'auto'` finds. */
const makers = {
  'implicit SGD': { make: implicitSGD, delta: 10 },
  'implicit Adam': { make: implicitAdam, delta: 0.1 },
};
const TOLERANCES = [0.3, 0.1, 0.01, 0.001];
const curvature = 'gauss-newton';

const preconditioners: Record<string, Kronecker | undefined> = {
  none: undefined,
  'kronecker(), of the batch before': kronecker({ every: 2 }),
};

/** How many iterations does a step take, with and without a preconditioner, by the tolerance of its solve? */
export async function iterations(): Promise<string> {
  const rows: Record<string, string>[] = [];
  for (const maker of studyTasks.filter(({ name }) => TASKS.includes(name))) {
    const task = maker.make();
    for (const name of Object.keys(makers) as (keyof typeof makers)[]) {
      rows.push(...(await rowsOf(task, name)));
    }
    disposeTask(task);
  }
  return `Iterations of conjugate gradients for one step of \`implicitSGD(${makers['implicit SGD'].delta})\` and \`implicitAdam(${makers['implicit Adam'].delta})\` with Gauss–Newton products, after ${WARM_UP} steps of the same with \`'auto'\` from a first δ of 1 and seed ${SEED}, by the tolerance of the solve (the relative residual); at most 200. The factors are those of another batch.

${markdownTable(rows)}`;
}

async function rowsOf(
  task: StudyTask,
  kind: keyof typeof makers,
): Promise<Record<string, string>[]> {
  const { make, delta } = makers[kind];
  const variables = variablesOf(task.model, SEED);
  const list = Object.values(variables);
  const batchAt = (t: number): FeatureExamples => {
    const rows = (all: tf.Tensor2D) =>
      tf.slice(all, [t * task.batch, 0], [task.batch, -1]) as tf.Tensor2D;
    return { x: rows(task.train.x), y: rows(task.train.y) };
  };
  const on = (t: number) => () => tf.tidy(() => lossOf(task, batchAt(t))(variables));
  const trainer = make('auto', { initial: 1, curvature });
  for (let t = 0; t < WARM_UP; t++) trainer.minimize(on(t), false, list);
  // Adam's moments, without what 'auto' keeps.
  const state = (await trainer.getWeights())
    .filter(({ name }) => name !== 'region' && !name.endsWith('/step'))
    .map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
  trainer.dispose();
  const reached = list.map((variable) => variable.clone());
  const rows: Record<string, string>[] = [];
  for (const [name, preconditioner] of Object.entries(preconditioners)) {
    const row: Record<string, string> = {
      network: task.name,
      optimizer: kind,
      preconditioner: name,
    };
    for (const tolerance of TOLERANCES) {
      const solver = cg({ tolerance, maxIterations: 200, best: 'energy' });
      const options = { curvature, solver, ...(preconditioner && { preconditioner }) } as const;
      const optimizer = make(delta, options);
      await optimizer.setWeights(state);
      // The first step makes the factors; the second one uses them from the same weights.
      await optimizer.step(on(WARM_UP), list);
      list.forEach((variable, i) => {
        variable.assign(reached[i]!);
      });
      const { iterations } = await optimizer.step(on(WARM_UP + 1), list);
      list.forEach((variable, i) => {
        variable.assign(reached[i]!);
      });
      optimizer.dispose();
      row[`to ${tolerance}`] = String(iterations);
    }
    console.log(Object.values(row).join(', '));
    rows.push(row);
  }
  tf.dispose([list, reached, state.map(({ tensor }) => tensor)]);
  return rows;
}
