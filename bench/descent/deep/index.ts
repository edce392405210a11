import { availableParallelism, loadavg } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { type Spread, spreadOf } from '../../../course/experiments';
import { PALETTE } from '../../../course/notebook';
import { sigmoidCrossEntropy } from '../../../lib/backends';
import { implicitAdam, implicitSGD } from '../../../lib/descent';
import type { Stepper } from '../adam-variants';
import { markdownTable, type Panel, writeGrid } from '../grid';
import { drawBits, kfac } from '../kfac';
import { CHOOSING, Runs } from '../runs';
import { searched } from '../search';
import type { Profile } from '../study';
import { disposeTask } from '../tasks';
import { type Course, type Learner, train } from '../train';
import { type DeepTask, deepTasks } from './tasks';

interface DeepMethod {
  name: string;
  /** The tasks that it is run on by `full` only; default none. */
  long?: 'all' | readonly string[];
  colour: string;
  dash?: string;
  /** Where the search for a rate begins; without it nothing is chosen. */
  first?: number;
  make(rate: number, task: DeepTask): Stepper | Learner;
}

const curvature = 'gauss-newton';
/** Where the search for K-FAC's damping begins, and with which its rate is searched; written down before the runs. */
const DAMPING = 0.1;

/** Written down before the runs: the methods, and where their grids of factors √10 begin. */
const methods: readonly DeepMethod[] = [
  {
    name: "implicitSGD('auto')",
    colour: PALETTE[0]!,
    make: () => implicitSGD('auto', { curvature }),
  },
  {
    name: "implicitAdam('auto')",
    colour: PALETTE[1]!,
    make: () => implicitAdam('auto', { curvature }),
  },
  {
    name: "implicitAdam('auto', { initial: 1 })",
    colour: PALETTE[1]!,
    dash: 'dash',
    make: () => implicitAdam('auto', { curvature, initial: 1 }),
  },
  { name: 'Adam', colour: PALETTE[2]!, first: 0.01, make: (r) => tf.train.adam(r) },
  {
    name: 'momentum',
    long: 'all',
    colour: PALETTE[4]!,
    first: 0.01,
    make: (r) => tf.train.momentum(r, 0.9),
  },
  {
    name: 'RMSprop',
    long: 'all',
    colour: PALETTE[6]!,
    first: 0.0032,
    make: (r) => tf.train.rmsprop(r),
  },
];

const kfacWith = (damping: number): DeepMethod => ({
  name: `K-FAC, damping ${damping}`,
  colour: PALETTE[3]!,
  dash: 'dash',
  first: 0.1,
  make: (rate, { layers, train: { x } }) =>
    kfac(
      { layers: layers!, activate: (z) => tf.sigmoid(z) },
      (y, z) => tf.mul(x.shape[1]!, sigmoidCrossEntropy(y, z)) as tf.Scalar,
      { rate, damping, draw: drawBits },
    ),
});

interface Outcome {
  method: DeepMethod;
  rate: number;
  interior: boolean;
  courses: Course[];
  tried: { rate: number; error: number }[];
}

/** Long memory and deep autoencoders: which method has the least error, by the second? */
export async function deep({ name, seeds }: Profile): Promise<string> {
  const runs = new Runs(`deep-${name}`);
  const results: { task: DeepTask; outcomes: Outcome[] }[] = [];
  for (const maker of deepTasks) {
    const task = maker.make(name);
    const contenders = methods.filter(({ long = [] }) => {
      return name === 'full' || (long !== 'all' && !long.includes(task.name));
    });
    const outcomes = await outcomesOf(task, contenders, seeds, runs);
    if (outcomes.length > 0) results.push({ task, outcomes });
    disposeTask(task);
  }
  await writeGrid(
    'deep.png',
    results.map(panelOf),
    'Error by processor time, of each method at its best rate; median and range of the seeds.',
  );
  return page(results);
}

async function outcomesOf(
  task: DeepTask,
  contenders: readonly DeepMethod[],
  seeds: readonly number[],
  runs: Runs,
): Promise<Outcome[]> {
  const budgetOf = (seed: number) => {
    const seconds = seed === CHOOSING ? (task.choosing ?? task.seconds) : task.seconds;
    return { seconds, steps: 1e6, patience: seconds / 3 };
  };
  const keyOf = (method: DeepMethod, rate: number, seed: number) =>
    [task.name, method.name, rate, seed].join(' | ');
  const course = (method: DeepMethod, rate: number, seed: number) =>
    runs.get(keyOf(method, rate, seed), async () => {
      const one = await train(task, () => method.make(rate, task), budgetOf(seed), seed);
      const load = loadavg()[0]!.toFixed(0);
      console.log(task.name, method.name, rate, seed, endOf(one), one.steps.at(-1), `load ${load}`);
      return one;
    });
  const score = async (method: DeepMethod, rate: number) =>
    endOf(await course(method, rate, CHOOSING), 'validation');
  const outcomes: Outcome[] = [];
  for (const method of contenders) {
    const { rate, interior, tried } =
      method.first === undefined
        ? { rate: 1, interior: true, tried: [] }
        : await searched(method.first, (rate) => score(method, rate));
    outcomes.push({ method, rate, interior, courses: [], tried });
  }
  if (task.layers !== undefined) outcomes.push(await kfacChosen(score));
  // Contenders take turns, so that all see the same load.
  // Of the runs that are kept, the seeds with which all were run.
  const common = outcomes.reduce(
    (some, { method, rate }) => runs.among(some, (seed) => keyOf(method, rate, seed)),
    [...seeds],
  );
  for (const seed of common) {
    for (const { method, rate, courses } of outcomes) {
      courses.push(await course(method, rate, seed));
    }
  }
  return common.length === 0 ? [] : outcomes;
}

/** K-FAC at its best rate with the first damping, and then at its best damping with that rate. */
async function kfacChosen(
  score: (method: DeepMethod, rate: number) => Promise<number>,
): Promise<Outcome> {
  const first = kfacWith(DAMPING);
  const byRate = await searched(first.first!, (rate) => score(first, rate));
  const { rate } = byRate;
  const byDamping = await searched(DAMPING, (damping) => score(kfacWith(damping), rate));
  const interior = byRate.interior && byDamping.interior;
  const method = kfacWith(byDamping.rate);
  return { method, rate, interior, courses: [], tried: byRate.tried };
}

const endOf = (course: Course, on: 'losses' | 'validation' = 'losses') =>
  course.diverged || course.steps.length === 0 ? Number.POSITIVE_INFINITY : course[on].at(-1)!;

/** The error that a seed had last been seen with by a time. */
function errorAt({ seconds, losses }: Course, time: number): number {
  const seen = seconds.filter((second) => second <= time).length;
  return losses[Math.max(0, seen - 1)]!;
}

const panelOf = ({ task, outcomes }: { task: DeepTask; outcomes: Outcome[] }): Panel => ({
  title: task.name,
  xaxis: { title: 'processor time (s)' },
  yaxis: { title: task.error },
  lines: outcomes.map(({ method, courses }) => {
    const times = Array.from({ length: 21 }, (_, i) => (task.seconds * i) / 20);
    const at = times.map((time) => spreadOf(courses.map((course) => errorAt(course, time))));
    return {
      name: method.name,
      colour: method.colour,
      ...(method.dash && { dash: method.dash }),
      x: times,
      y: at.map(({ middle }) => middle),
      low: at.map(({ low }) => low),
      high: at.map(({ high }) => high),
    };
  }),
});

function page(results: { task: DeepTask; outcomes: Outcome[] }[]): string {
  const sections = results.map(({ task, outcomes }) => {
    const adam = outcomes.find(({ method }) => method.name === 'Adam');
    const goal = adam ? spreadOf(adam.courses.map((course) => endOf(course))).middle : -Infinity;
    const adamSeconds = adam ? arrival(adam, goal) : Number.NaN;
    const rows = outcomes.map((outcome) => {
      const { method, rate, interior, courses } = outcome;
      const seconds = arrival(outcome, goal);
      return {
        method: method.name,
        rate: method.first === undefined ? '' : `${rate}${interior ? '' : ' (edge)'}`,
        seeds: String(courses.length),
        steps: String(spreadOf(courses.map(({ steps }) => steps.at(-1)!)).middle),
        [`${task.error} in the end`]: shown(spreadOf(courses.map((course) => endOf(course)))),
        "seconds to Adam's": Number.isFinite(seconds) ? number(seconds) : 'never',
        'share of Adam’s time': Number.isFinite(seconds) ? number(seconds / adamSeconds) : '',
      };
    });
    const tried = outcomes
      .filter(({ tried }) => tried.length > 0)
      .map(({ method, tried }) => {
        const list = tried.map(({ rate, error }) => `${rate}: ${number(error)}`);
        return `${method.name}: ${list.join(', ')}.`;
      });
    return `### ${task.name}: ${task.words}

${task.seconds} s of one processor a run${task.choosing ? `, ${task.choosing} s where a setting is chosen` : ''}.

${markdownTable(rows)}

Rates tried, and validation errors at the end. ${tried.join(' ')}`;
  });
  return `![Error by processor time](deep.png)

Median (least … largest) over the seeds. Rates a factor of √10 apart, extended until the best has a neighbour on both sides; chosen by the error at the end on 500 digits held out, with a seed of its own; reported on 500 test digits with the others. The implicit methods take Gauss–Newton products and, but for an \`initial\` that is named, every other option at its default, nothing chosen: the first δ of \`implicitSGD\` is 1, that of \`implicitAdam\` 0.01. “Seconds to Adam’s”: when the median of the seeds is first at most where tuned Adam ends; a third of Adam’s time was to be reached. K-FAC (own code, \`bench/descent/kfac.ts\`): its damping is chosen like a rate, at the best rate with ${DAMPING}, factors averaged over batches, inverted every 20 steps, momentum 0.9. Seconds are those of one processor, wasm on one thread; evaluation is not counted. What is missing was not run. Load of the machine when it was written: ${loadavg()[0]!.toFixed(0)} on ${availableParallelism()} cores; seconds are too large by what shared caches cost, for all rows alike.

${sections.join('\n\n')}`;
}

/** When the median of the seeds is first at most the goal. */
function arrival({ courses }: Outcome, goal: number): number {
  const times = [...new Set(courses.flatMap(({ seconds }) => seconds))].sort((a, b) => a - b);
  const isThere = (time: number) =>
    spreadOf(courses.map((course) => errorAt(course, time))).middle <= goal;
  return times.find(isThere) ?? Number.POSITIVE_INFINITY;
}

const shown = ({ low, middle, high }: Spread) =>
  `${number(middle)} (${number(low)} … ${number(high)})`;

const number = (value: number) =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : 'diverged';
