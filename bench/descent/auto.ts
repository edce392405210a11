import * as tf from '@tensorflow/tfjs';
import { type Spread, spreadOf } from '../../course/experiments';
import { softmaxCrossEntropy } from '../../lib/backends';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { explicitOnes } from './contenders';
import { markdownTable } from './grid';
import { kfac } from './kfac';
import { quasiNewton } from './quasi-newton';
import { CHOOSING, Runs } from './runs';
import { type Choice, searched } from './search';
import type { Profile } from './study';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { type Course, reached, train } from './train';

/** Written down before the runs: targets are those of the study, 8 decades of first rates. */
const INITIAL = [1e-4, 1e-2, 1, 1e2, 1e4];
const ALLOWED = 1.5;
/** Five: of three, the median of a number of steps to a noisy loss is off by a quarter. */
const SEEDS = [2, 3, 4, 5, 6];
const curvature = 'gauss-newton';
/** Processor seconds of a run by task, and steps; what has not arrived by then has not. */
const LIMIT: Record<string, number> = { MLP: 3, CNN: 8, RNN: 4, head: 3 };
const STEPS = 80;
/** Where the search for K-FAC's damping begins, and with which its rate is searched. */
const DAMPING = 0.1;

/** A peer, and where the search for its rate begins. */
interface Peer {
  name: string;
  rate: number;
  make(rate: number): ReturnType<Parameters<typeof train>[1]>;
}

/** Plain SGD where it is not far behind. */
const peersOf = ({ name }: StudyTask): Peer[] =>
  explicitOnes.filter((peer) => name === 'MLP' || peer.name !== 'SGD');

const kfacWith = (layers: number, damping: number): Peer => ({
  name: `K-FAC, damping ${damping}`,
  rate: 0.1,
  make: (rate) =>
    kfac({ layers, activate: (z) => tf.relu(z) }, softmaxCrossEntropy, { rate, damping }),
});

const tuned = {
  'implicit SGD, auto': (initial: number) => implicitSGD('auto', { initial, curvature }),
  'implicit Adam, auto': (initial: number) => implicitAdam('auto', { initial, curvature }),
};

interface Row {
  seeds: number;
  steps: Spread;
  seconds: Spread;
}

/**
 * Does `'auto'` reach the target from any first rate, in how many steps and seconds, and how fast are
 * tuned peers?
 */
export async function auto(profile: Profile): Promise<string> {
  const runs = new Runs(`auto-${profile.name}`);
  const sections = [];
  for (const maker of studyTasks) {
    const task = maker.make();
    const section = await sectionOf(task, SEEDS, runs);
    if (section !== undefined) sections.push(section);
    disposeTask(task);
  }
  return `\`implicitSGD('auto', { initial })\` and \`implicitAdam('auto', { initial })\` with Gauss–Newton products and every other option at its default, from a first δ of ${INITIAL.join(', ')}. Steps and seconds to the test loss of the study: median (least … largest) over the seeds. Seconds are of one processor (wasm on one thread) and include the cost of replays; “never” means not within ${STEPS} steps. “Worst over best” is the median number of steps from the worst first δ, divided by that from the best; the goal is at most ${ALLOWED}. Peers run at the best of rates that are a factor √10 apart, extended until the best has a neighbour on both sides (chosen by the seconds on 1,000 held-out digits, with a seed of its own; reported on test digits with the other seeds). K-FAC (our code, \`bench/descent/kfac.ts\`) has its rate chosen with damping ${DAMPING}, then its damping at that rate, and new inverses every 20 steps; L-BFGS is full batch with ten pairs, and its steps are iterations. The machine was shared, so all seconds are too large, by what shared caches cost. A program is made in the first run of a process that meets its structure, and what that costs is in that run. Rows that are missing were not run.

${sections.join('\n\n')}`;
}

async function sectionOf(
  task: StudyTask,
  seeds: number[],
  runs: Runs,
): Promise<string | undefined> {
  const rows: Record<string, string>[] = [];
  for (const [name, make] of Object.entries(tuned)) {
    const medians = [];
    // All first δ are compared on the same seeds.
    const among = (some: number[], initial: number) =>
      runs.among(some, (seed) => keyOf(task, `${name} from ${initial}`, seed));
    const initials = INITIAL.filter((initial) => among(seeds, initial).length > 0);
    const common = initials.reduce(among, seeds);
    for (const initial of initials) {
      const row = await rowOf(task, common, runs, `${name} from ${initial}`, () => make(initial));
      if (row === undefined) continue;
      medians.push(row.steps.middle);
      rows.push({
        optimizer: name,
        'first δ or rate': `${initial}`,
        ...cells(row),
        'worst over best': '',
      });
      console.log(task.name, name, initial, cells(row).steps);
    }
    if (medians.length === 0) continue;
    const spread = Math.max(...medians) / Math.min(...medians);
    const of = medians.length < INITIAL.length ? ` (${medians.length} of ${INITIAL.length})` : '';
    rows.at(-1)!['worst over best'] = `${Number.isFinite(spread) ? spread.toFixed(2) : '∞'}${of}`;
  }
  const at = ({ name, make }: Peer, rate: number, some: number[]) =>
    rowOf(task, some, runs, `${name} at ${rate}`, () => make(rate), 10);
  const scored = async (peer: Peer, rate: number) => {
    const row = await at(peer, rate, [CHOOSING]);
    console.log(task.name, peer.name, rate, row?.chosenBy);
    return row?.chosenBy ?? Infinity;
  };
  const chosen: Chosen[] = [];
  for (const peer of peersOf(task)) {
    const choice = await searched(peer.rate, (rate) => scored(peer, rate));
    chosen.push({ peer, ...choice });
  }
  if (task.layers !== undefined) chosen.push(await chosenKfac(task.layers, scored));
  for (const { peer, rate, interior, tried } of chosen) {
    // Where runs are only read, what was not run is not chosen.
    const row = tried.some(({ error }) => error < Infinity)
      ? await at(peer, rate, seeds)
      : undefined;
    if (row === undefined) continue;
    rows.push({
      optimizer: peer.name,
      'first δ or rate': `${rate}${interior ? '' : ' (edge)'}`,
      ...cells(row),
      'worst over best': '',
    });
    console.log(task.name, peer.name, rate, cells(row).seconds);
  }
  const quasi = await rowOf(task, seeds, runs, 'L-BFGS', undefined);
  if (quasi)
    rows.push({
      optimizer: 'L-BFGS',
      'first δ or rate': '',
      ...cells(quasi),
      'worst over best': '',
    });
  if (rows.length === 0) return undefined;
  return `### ${task.name}, to a test loss of ${task.target}\n\n${markdownTable(rows)}`;
}

interface Chosen extends Choice {
  peer: Peer;
}

/** K-FAC at its best rate with the first damping, and then at its best damping with that rate. */
async function chosenKfac(
  layers: number,
  scored: (peer: Peer, rate: number) => Promise<number>,
): Promise<Chosen> {
  const first = kfacWith(layers, DAMPING);
  const byRate = await searched(first.rate, (rate) => scored(first, rate));
  const byDamping = await searched(DAMPING, (damping) =>
    scored(kfacWith(layers, damping), byRate.rate),
  );
  return {
    ...byRate,
    peer: kfacWith(layers, byDamping.rate),
    interior: byRate.interior && byDamping.interior,
  };
}

async function rowOf(
  task: StudyTask,
  seeds: number[],
  runs: Runs,
  name: string,
  make: Parameters<typeof train>[1] | undefined,
  times = 1,
): Promise<(Row & { chosenBy: number }) | undefined> {
  const limit = LIMIT[task.name]!;
  const budget = { seconds: limit, steps: STEPS * times, target: task.target, patience: limit / 2 };
  const courses: Course[] = [];
  const some = runs.among(seeds, (seed) => keyOf(task, name, seed));
  if (some.length === 0) return undefined;
  for (const seed of some) {
    const run = () =>
      make
        ? train(task, make, budget, seed)
        : quasiNewton(task, seed, { seconds: limit, target: task.target });
    courses.push(await runs.get(keyOf(task, name, seed), run));
  }
  const spread = (of: 'steps' | 'seconds', on: 'losses' | 'validation') =>
    spreadOf(courses.map((course) => reached(course, task.target, on)?.[of] ?? Infinity));
  return {
    seeds: some.length,
    steps: spread('steps', 'losses'),
    seconds: spread('seconds', 'losses'),
    chosenBy: spreadOf(courses.map((course) => score(course, task.target, limit))).middle,
  };
}

/** On the digits held out: seconds to the target, or more than that by the loss in the end. */
export function score(course: Course, target: number, limit: number): number {
  const seconds = reached(course, target, 'validation')?.seconds;
  const end = course.diverged ? 1e3 : Math.min(1e3, course.validation.at(-1)!);
  return seconds ?? limit * (10 + end);
}

const keyOf = (task: StudyTask, name: string, seed: number) => [task.name, name, seed].join(' | ');

const cells = ({ seeds, steps, seconds }: Row) => ({
  seeds: String(seeds),
  steps: shown(steps),
  seconds: shown(seconds),
});

function shown({ low, middle, high }: Spread): string {
  if (!Number.isFinite(middle)) return Number.isFinite(low) ? `never (${number(low)} …)` : 'never';
  return `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : 'never'})`;
}

const number = (value: number) => String(Number(value.toPrecision(value < 10 ? 2 : 3)));
