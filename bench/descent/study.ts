import { rateGrid, type Spread, spreadOf } from '../../course/experiments';
import { type Contender, contenders } from './contenders';
import { markdownTable, type Panel, writeGrid } from './grid';
import { Runs } from './runs';
import { disposeTask, studyTasks } from './tasks';
import { type Course, reached, train } from './train';

/** How much is run. */
export interface Profile {
  name: 'short' | 'full';
  /** Those that are reported: without `CHOOSING`. */
  seeds: number[];
  /** Processor seconds of a run, by task. */
  seconds: Record<string, number>;
  /** Definitions A and B of implicit Adam on these tasks only. */
  variantsOn: string[];
}

export const profiles: Record<Profile['name'], Profile> = {
  short: {
    name: 'short',
    seeds: [2, 3, 4],
    seconds: { MLP: 0.8, CNN: 2.5, RNN: 2.5, head: 0.8 },
    variantsOn: [],
  },
  full: {
    name: 'full',
    seeds: [2, 3, 4, 5, 6],
    seconds: { MLP: 6, CNN: 20, RNN: 20, head: 6 },
    variantsOn: ['MLP', 'CNN', 'RNN', 'head'],
  },
};

interface AtRate {
  rate: number;
  /** The median of the seconds to the target on the digits held out: what the rate is chosen by. */
  chosenBy?: number;
  /** To the target on the test digits. */
  steps: Spread;
  seconds: Spread;
}

/** What became of a method on a task. */
interface Outcome {
  contender: Contender;
  byRate: AtRate[];
}

interface Result {
  task: string;
  target: number;
  outcomes: Outcome[];
}

/** Which optimizer first reaches a given test loss, in steps and in seconds, by learning rate? */
export async function study(profile: Profile): Promise<string> {
  const runs = new Runs(`study-${profile.name}`);
  const results: Result[] = [];
  for (const maker of studyTasks) results.push(await resultOf(maker, profile, runs));
  for (const quantity of ['steps', 'seconds'] as const) {
    await writeGrid(`${quantity}-to-target.png`, results.map(panelOf(quantity)), words(quantity));
  }
  return page(results, profile);
}

async function resultOf(
  maker: (typeof studyTasks)[number],
  { seeds, seconds, variantsOn }: Profile,
  runs: Runs,
): Promise<Result> {
  const task = maker.make();
  const chosen = contenders.filter(
    ({ name }) =>
      !name.includes(', ') || name.endsWith('Hessian') || variantsOn.includes(task.name),
  );
  const limit = seconds[task.name]!;
  const budget = { seconds: limit, steps: 1e5, target: task.target, patience: limit / 4 };
  const outcomes: Outcome[] = [];
  for (const contender of chosen) {
    const at = async (rate: number): Promise<AtRate> => {
      const courses: Course[] = [];
      for (const seed of seeds) {
        const key = [task.name, contender.name, rate, seed].join(' | ');
        courses.push(
          await runs.get(key, () => train(task, () => contender.make(rate), budget, seed)),
        );
      }
      console.log(`${task.name}, ${contender.name}, δ = ${rate}: ${said(courses[0]!)}`);
      const spread = (on: 'losses' | 'validation', of: 'steps' | 'seconds') =>
        spreadOf(courses.map((course) => reached(course, task.target, on)?.[of] ?? Infinity));
      const choice = spread('validation', 'seconds').middle;
      return {
        rate,
        ...(Number.isFinite(choice) && { chosenBy: choice }),
        steps: spread('losses', 'steps'),
        seconds: spread('losses', 'seconds'),
      };
    };
    outcomes.push({ contender, byRate: await bracketed(contender.rate, at) });
  }
  disposeTask(task);
  return { task: task.name, target: task.target, outcomes };
}

/** Rates beyond which nothing is looked for. */
const [LEAST, LARGEST] = [1e-4, 1e3];

/**
 * Rates a factor of √10 apart around the first, on both sides until one does not reach the target:
 * the best is then between two others, and so is the whole range that reaches it.
 */
async function bracketed(first: number, at: (rate: number) => Promise<AtRate>): Promise<AtRate[]> {
  const grid = rateGrid(LEAST, LARGEST);
  const middle = grid.indexOf(first);
  const found = [await at(first)];
  for (const direction of [-1, 1]) {
    for (let i = middle + direction, misses = 0; i >= 0 && i < grid.length; i += direction) {
      const next = await at(grid[i]!);
      found.push(next);
      // Where the first one has missed too, the range may begin one further on.
      misses = next.chosenBy === undefined ? misses + 1 : 0;
      if (misses > 0 && (misses > 1 || found.some(({ chosenBy }) => chosenBy !== undefined))) break;
    }
  }
  return found.sort((a, b) => a.rate - b.rate);
}

/** The end of a run, in words. */
function said({ steps, seconds, losses, diverged }: Course): string {
  const end = `${losses.at(-1)} after ${steps.at(-1)} steps and ${seconds.at(-1)} s`;
  return diverged ? `diverged, ${end}` : end;
}

const panelOf =
  (quantity: 'steps' | 'seconds') =>
  ({ task, target, outcomes }: Result): Panel => ({
    title: `${task}, to a test loss of ${target}`,
    xaxis: { title: 'learning rate δ', type: 'log', dtick: 1, range: [-4.2, 2.2] },
    yaxis: {
      title: quantity === 'steps' ? 'steps' : 'processor time (s)',
      type: 'log',
      dtick: 1,
      range: quantity === 'steps' ? [0.7, 2.9] : [-1.6, 0.5],
    },
    lines: outcomes
      .filter(({ byRate }) => byRate.some((one) => Number.isFinite(one[quantity].middle)))
      .map(({ contender: { name, colour, dash }, byRate }) => ({
        name,
        colour,
        ...(dash && { dash }),
        mode: 'lines+markers',
        x: byRate.map(({ rate }) => rate),
        y: byRate.map((one) => finite(one[quantity].middle)),
        low: byRate.map((one) => finite(one[quantity].low)),
        high: byRate.map((one) => finite(one[quantity].high)),
      })),
  });

const finite = (value: number) => (Number.isFinite(value) ? value : null);

const words = (quantity: 'steps' | 'seconds') =>
  `What each optimizer needs, in ${quantity === 'steps' ? 'steps' : 'seconds of one processor'}, ` +
  'until the test loss is reached, by learning rate, on four tasks. Where a line is missing, the ' +
  'loss was not reached within the time given; bars are the range of the seeds.';

function page(results: Result[], profile: Profile): string {
  const sections = results.map(({ task, target, outcomes }) => {
    const rows = outcomes.map(({ contender: { name }, byRate }) => {
      const reaching = byRate.filter(({ chosenBy }) => chosenBy !== undefined);
      const best = [...reaching].sort((a, b) => a.chosenBy! - b.chosenBy!)[0];
      const shown = ({ low, middle, high }: Spread) =>
        Number.isFinite(middle)
          ? `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : 'never'})`
          : 'never';
      return {
        optimizer: name,
        'at δ': best ? `${best.rate}` : '',
        steps: best ? shown(best.steps) : 'never',
        seconds: best ? shown(best.seconds) : 'never',
        'rates that reach it': best ? `${reaching[0]!.rate} … ${reaching.at(-1)!.rate}` : 'none',
      };
    });
    return `### ${task}, to a test loss of ${target}\n\n${markdownTable(rows)}`;
  });
  const limits = Object.entries(profile.seconds).map(([task, limit]) => `${task} ${limit} s`);
  return `![Steps to the target](steps-to-target.png)

![Seconds to the target](seconds-to-target.png)

Profile \`${profile.name}\`: ${profile.seeds.length} seeds, median (least … largest); at most ${limits.join(', ')} of processor time a run. Rates a factor of √10 apart, from one in the middle outwards until one fails on each side; the rate is that of least median time to the target on 1,000 digits held out, the numbers are on 1,000 test digits. A rate “reaches it” if it does for the median seed on the digits held out. Seconds are those of one processor (\`process.cpuUsage\`, wasm on one thread), so that what else the machine did hardly counts; evaluation is not counted. A run is given up where a quarter of its time has not brought the loss below that at the start.

${sections.join('\n\n')}`;
}

const number = (value: number) => String(Number(value.toPrecision(value < 10 ? 2 : 3)));
