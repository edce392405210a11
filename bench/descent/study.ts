import { type Contender, contenders } from './contenders';
import { markdownTable, type Panel, writeGrid } from './grid';
import { Runs } from './runs';
import { disposeTask, studyTasks } from './tasks';
import { type Course, reached, train } from './train';

/** How much is run. */
export interface Profile {
  name: 'short' | 'full';
  rates: number[];
  seeds: number[];
  /** Processor seconds of a run, by task. */
  seconds: Record<string, number>;
  /** Definitions A and B of implicit Adam on these tasks only. */
  variantsOn: string[];
}

export const profiles: Record<Profile['name'], Profile> = {
  short: {
    name: 'short',
    rates: [1e-3, 1e-2, 0.03, 0.1, 0.3, 1, 3, 10],
    seeds: [1],
    seconds: { MLP: 1.5, CNN: 4, RNN: 4, head: 1.5 },
    variantsOn: ['MLP', 'head'],
  },
  full: {
    name: 'full',
    rates: [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10],
    seeds: [1, 2, 3],
    seconds: { MLP: 6, CNN: 20, RNN: 20, head: 6 },
    variantsOn: ['MLP', 'CNN', 'RNN', 'head'],
  },
};

/** What became of a method on a task: for each rate the middle of its seeds. */
interface Outcome {
  contender: Contender;
  byRate: { rate: number; steps?: number; seconds?: number; diverged: boolean }[];
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
  { rates, seeds, seconds, variantsOn }: Profile,
  runs: Runs,
): Promise<Result> {
  const task = maker.make();
  const chosen = contenders.filter(
    ({ name }) =>
      !name.includes(', ') || name.endsWith('Hessian') || variantsOn.includes(task.name),
  );
  const outcomes: Outcome[] = [];
  for (const contender of chosen) {
    const byRate: Outcome['byRate'] = [];
    for (const rate of rates) {
      const courses: Course[] = [];
      for (const seed of seeds) {
        const limit = seconds[task.name]!;
        const budget = { seconds: limit, steps: 1e5, target: task.target, patience: limit / 4 };
        const key = [task.name, contender.name, rate, seed].join(' | ');
        courses.push(
          await runs.get(key, () => train(task, () => contender.make(rate), budget, seed)),
        );
      }
      const goals = courses.map((course) => reached(course, task.target));
      console.log(`${task.name}, ${contender.name}, δ = ${rate}: ${said(courses[0]!)}`);
      byRate.push({
        rate,
        steps: middle(goals.map((goal) => goal?.steps)),
        seconds: middle(goals.map((goal) => goal?.seconds)),
        diverged: courses.some(({ diverged }) => diverged),
      });
    }
    outcomes.push({ contender, byRate });
  }
  disposeTask(task);
  return { task: task.name, target: task.target, outcomes };
}

/** The end of a run, in words. */
function said({ steps, seconds, losses, diverged }: Course): string {
  const end = `${losses.at(-1)} after ${steps.at(-1)} steps and ${seconds.at(-1)} s`;
  return diverged ? `diverged, ${end}` : end;
}

/** The median, with "never" above all numbers. */
function middle(values: (number | undefined)[]): number | undefined {
  const sorted = values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const value = sorted[Math.floor(sorted.length / 2)]!;
  return Number.isFinite(value) ? value : undefined;
}

const panelOf =
  (quantity: 'steps' | 'seconds') =>
  ({ task, target, outcomes }: Result): Panel => ({
    title: `${task}, to a test loss of ${target}`,
    xaxis: { title: 'learning rate δ', type: 'log', dtick: 1, range: [-3.2, 1.2] },
    yaxis: {
      title: quantity === 'steps' ? 'steps' : 'processor time (s)',
      type: 'log',
      dtick: 1,
      range: quantity === 'steps' ? [0.7, 2.9] : [-1.2, 0.9],
    },
    lines: outcomes
      .filter(({ byRate }) => byRate.some((one) => one[quantity] !== undefined))
      .map(({ contender: { name, colour, dash }, byRate }) => ({
        name,
        colour,
        ...(dash && { dash }),
        mode: 'lines+markers',
        x: byRate.map(({ rate }) => rate),
        y: byRate.map((one) => one[quantity] ?? null),
      })),
  });

const words = (quantity: 'steps' | 'seconds') =>
  `What each optimizer needs, in ${quantity === 'steps' ? 'steps' : 'seconds of one processor'}, ` +
  'until the test loss is reached, by learning rate, on four tasks. Where a line is missing, the ' +
  'loss was not reached within the time given.';

function page(results: Result[], profile: Profile): string {
  const sections = results.map(({ task, target, outcomes }) => {
    const best = (outcome: Outcome, quantity: 'steps' | 'seconds') =>
      [...outcome.byRate]
        .filter((one) => one[quantity] !== undefined)
        .sort((a, b) => a[quantity]! - b[quantity]!)[0];
    const rows = outcomes.map((outcome) => {
      const [bySteps, bySeconds] = [best(outcome, 'steps'), best(outcome, 'seconds')];
      const count = outcome.byRate.filter(({ steps }) => steps !== undefined).length;
      return {
        optimizer: outcome.contender.name,
        'fewest steps': bySteps ? bySteps.steps!.toFixed(1) : 'never',
        'at δ': bySteps ? `${bySteps.rate}` : '',
        'least seconds': bySeconds ? bySeconds.seconds!.toPrecision(2) : 'never',
        'at δ ': bySeconds ? `${bySeconds.rate}` : '',
        'rates that reach it': `${count} of ${outcome.byRate.length}`,
      };
    });
    return `### ${task}, to a test loss of ${target}\n\n${markdownTable(rows)}`;
  });
  const limits = Object.entries(profile.seconds).map(([task, limit]) => `${task} ${limit} s`);
  return `![Steps to the target](steps-to-target.png)

![Seconds to the target](seconds-to-target.png)

Profile \`${profile.name}\`: learning rates ${profile.rates.join(', ')}; ${profile.seeds.length === 1 ? 'one seed' : `the median of ${profile.seeds.length} seeds`}; at most ${limits.join(', ')} of processor time a run. Seconds are those of one processor (\`process.cpuUsage\`, wasm on one thread), so that what else the machine did hardly counts; evaluation is not counted. A run is given up where a quarter of its time has not brought the loss below that at the start.

${sections.join('\n\n')}`;
}
