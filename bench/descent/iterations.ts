import * as tf from '@tensorflow/tfjs';
import type { FeatureExamples } from 'implicit-lab-course';
import { implicitSGD, type Kronecker, kronecker } from '../../lib/descent';
import { cg } from '../../lib/solvers';
import { markdownTable } from './grid';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { lossOf, variablesOf } from './train';

/** Written down before the runs. */
const TASKS = ['MLP', 'CNN', 'RNN'];
const [WARM_UP, DELTA, SEED] = [12, 10, 2];
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
    rows.push(...(await rowsOf(task)));
    disposeTask(task);
  }
  return `Iterations of conjugate gradients for one step of \`implicitSGD(${DELTA})\` with Gauss–Newton products, after ${WARM_UP} steps of \`implicitSGD('auto')\` from seed ${SEED}, by the tolerance of the solve (the relative residual); at most 200. The factors are those of another batch.

${markdownTable(rows)}`;
}

async function rowsOf(task: StudyTask): Promise<Record<string, string>[]> {
  const variables = variablesOf(task.model, SEED);
  const list = Object.values(variables);
  const batchAt = (t: number): FeatureExamples => {
    const rows = (all: tf.Tensor2D) =>
      tf.slice(all, [t * task.batch, 0], [task.batch, -1]) as tf.Tensor2D;
    return { x: rows(task.train.x), y: rows(task.train.y) };
  };
  const on = (t: number) => () => tf.tidy(() => lossOf(task, batchAt(t))(variables));
  const trainer = implicitSGD('auto', { curvature });
  for (let t = 0; t < WARM_UP; t++) trainer.minimize(on(t), false, list);
  trainer.dispose();
  const reached = list.map((variable) => variable.clone());
  const rows: Record<string, string>[] = [];
  for (const [name, preconditioner] of Object.entries(preconditioners)) {
    const row: Record<string, string> = { network: task.name, preconditioner: name };
    for (const tolerance of TOLERANCES) {
      const solver = cg({ tolerance, maxIterations: 200, best: 'energy' });
      const options = { curvature, solver, ...(preconditioner && { preconditioner }) } as const;
      const optimizer = implicitSGD(DELTA, options);
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
  tf.dispose([list, reached]);
  return rows;
}
