import * as tf from '@tensorflow/tfjs';
import { exampleBatches } from 'implicit-lab-course';
import { valueAndGradient } from '../../lib/autodiff';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { cg } from '../../lib/solvers';
import type { NamedTensors } from '../../lib/spaces';
import { markdownTable } from './grid';
import { CHOOSING } from './runs';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { lossOf, startClock, variablesOf } from './train';

/** Written down before the runs: steps of a run, those at its start that are not timed, and runs. */
const [STEPS, BEGINNING, RUNS] = [100, 20, 5];
/** Of a gradient a step, on average. */
const ALLOWED = 0.25;
/** As many in each step, so that what differs between steps is the measuring. */
const solver = cg({ tolerance: 0, maxIterations: 3, best: 'energy' });
const curvature = 'gauss-newton';
const INITIAL = 1;

const makers = { 'implicit SGD': implicitSGD, 'implicit Adam': implicitAdam };

/** What does `'auto'` spend on measuring its δ, in gradients a step? */
export async function measuring(): Promise<string> {
  const rows: Record<string, string>[] = [];
  for (const maker of studyTasks) {
    const task = maker.make();
    for (const name of Object.keys(makers) as (keyof typeof makers)[]) {
      const row = await rowOf(task, name);
      console.log(Object.values(row).join(', '));
      rows.push(row);
    }
    disposeTask(task);
  }
  return `${RUNS} runs of ${STEPS} steps of \`'auto'\` from a first δ of ${INITIAL}, three iterations of CG in each, so that steps differ by the measuring alone. “Measured” is the share of the steps after the first ${BEGINNING} that were measured; “by measuring” what the median measured one of these took beyond the median of the others, each in gradients (\`valueAndGradient\` of the same batch, timed right after the step, so that what else the machine does hardly counts); the product of the two is the cost a step, and the goal at most ${ALLOWED}. Processor time, wasm on one thread.

${markdownTable(rows)}`;
}

async function rowOf(task: StudyTask, name: keyof typeof makers): Promise<Record<string, string>> {
  const seen = { gradients: [], measured: [], others: [] };
  for (let run = 0; run < RUNS; run++) await watch(task, name, CHOOSING + run, seen);
  const [gradient, measured, other] = [seen.gradients, seen.measured, seen.others].map(median);
  const share = seen.measured.length / (seen.measured.length + seen.others.length);
  const longer = measured! - other!;
  return {
    network: task.name,
    optimizer: name,
    'gradient (ms)': (1000 * gradient!).toFixed(1),
    measured: `${(100 * share).toFixed(0)} %`,
    'by measuring (gradients)': longer.toFixed(2),
    'a step (gradients)': (share * longer).toFixed(2),
  };
}

/** Seconds of gradients; steps that were measured and that were not, each in gradients. */
interface Seen {
  gradients: number[];
  measured: number[];
  others: number[];
}

async function watch(task: StudyTask, name: keyof typeof makers, seed: number, seen: Seen) {
  const variables = variablesOf(task.model, seed);
  const list = Object.values(variables);
  const optimizer = makers[name]('auto', { initial: INITIAL, curvature, solver });
  let steps = 0;
  for (let epoch = 0; steps < STEPS; epoch++) {
    for (const batch of exampleBatches(task.train, { size: task.batch, seed: seed + epoch })) {
      if (steps < STEPS) {
        const loss = lossOf(task, batch);
        const clock = startClock();
        optimizer.minimize(() => loss(variables), false, list);
        const { cpu } = clock();
        const { ratio } = await optimizer.lastStep();
        const other = startClock();
        const result = valueAndGradient(
          (params: NamedTensors) => tf.tidy(() => loss(params)),
          variables,
        );
        const gradient = other().cpu;
        tf.dispose([result.value, result.gradient]);
        if (steps >= BEGINNING) {
          seen.gradients.push(gradient);
          (ratio === undefined ? seen.others : seen.measured).push(cpu / gradient);
        }
      }
      steps += 1;
      tf.dispose([batch.x, batch.y]);
    }
  }
  optimizer.dispose();
  tf.dispose(list);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
