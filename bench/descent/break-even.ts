import * as tf from '@tensorflow/tfjs';
import { type FeatureExamples, transferFeatures } from 'implicit-lab-course';
import { type Spread, spreadOf } from '../../course/experiments';
import { PALETTE } from '../../course/notebook';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { type Model, mlp } from '../../lib/models';
import { score } from './auto';
import { markdownTable, writeGrid } from './grid';
import { CHOOSING, Runs } from './runs';
import { type Choice, searched } from './search';
import type { Profile } from './study';
import { type Budget, type Course, reached, train } from './train';
import { parameters, shown } from './transfer';

/** A head, and how many of the features it looks at. */
interface Size {
  features: number;
  hidden?: number;
}

/** How far the comparison goes. */
interface Plan {
  sizes: Size[];
  /** Steps of Adam whose result the others are to reach. */
  adamSteps: number;
  /** What a run may take beyond this many times Adam's median time, in seconds. */
  times: number;
  extra: number;
}

const plans: Record<Profile['name'], Plan> = {
  short: {
    sizes: [{ features: 784 }, ...[13, 126].map((hidden) => ({ features: 784, hidden }))],
    adamSteps: 40,
    times: 4,
    extra: 0.2,
  },
  full: {
    sizes: [
      { features: 200 },
      { features: 784 },
      ...[13, 40, 126, 400, 1265].map((hidden) => ({ features: 784, hidden })),
    ],
    adamSteps: 150,
    times: 5,
    extra: 1,
  },
};

const curvature = 'gauss-newton';
const UNTUNED = "implicitAdam('auto')";
const methods = {
  Adam: { batch: 128, first: 3.2e-3, make: (rate: number) => tf.train.adam(rate) },
  momentum: { batch: 128, first: 0.032, make: (rate: number) => tf.train.momentum(rate, 0.9) },
  'Gauss–Newton CG, batch 1000': {
    batch: 1000,
    first: 3.2,
    make: (rate: number) => implicitSGD(rate, { curvature }),
  },
  // Few enough examples for the rows of the batch to be fewer than the features.
  'Gauss–Newton CG, batch 250': {
    batch: 250,
    first: 1,
    make: (rate: number) => implicitSGD(rate, { curvature }),
  },
  'implicit Adam': {
    batch: 1000,
    first: 0.01,
    make: (rate: number) => implicitAdam(rate, { curvature }),
  },
  // Untuned, at the batch written down before the runs.
  [UNTUNED]: { batch: 250, make: () => implicitAdam('auto', { curvature }) },
};
type Name = keyof typeof methods;
type Tuned = Exclude<Name, typeof UNTUNED>;
const names = Object.keys(methods) as Name[];

interface Row {
  parameters: number;
  goal: number;
  methods: Record<Name, Measured>;
}

interface Measured {
  /** The rate, of methods that have one. */
  choice?: Choice;
  /** To the goal: ∞ where a seed does not reach it. */
  seconds: Spread;
}

interface Digits {
  train: FeatureExamples;
  test: FeatureExamples;
  validation: FeatureExamples;
}

const LESSONS = 10_000;
const HELD = 1_000;

/** No run takes longer. */
const MOST_SECONDS = 60;

/** From how many parameters on does a Gauss–Newton step pay, or up to how many? */
export async function breakEven(profile: Profile): Promise<string> {
  const plan = plans[profile.name];
  const runs = new Runs(`break-even-${profile.name}`);
  const { train: all, test } = transferFeatures({ train: LESSONS + HELD, test: 1_000 });
  const part = (from: number, count: number): FeatureExamples => ({
    x: tf.slice(all.x, [from, 0], [count, -1]),
    y: tf.slice(all.y, [from, 0], [count, -1]),
  });
  const whole: Digits = { train: part(0, LESSONS), test, validation: part(LESSONS, HELD) };
  const rows: Row[] = [];
  for (const size of plan.sizes) {
    const model = mlp({
      sizes: [size.features, ...(size.hidden ? [size.hidden] : []), 5],
      activation: 'relu',
    });
    const digits: Digits = {
      train: firstFeatures(whole.train, size),
      test: firstFeatures(whole.test, size),
      validation: firstFeatures(whole.validation, size),
    };
    rows.push(await rowOf(model, digits, { ...plan, seeds: profile.seeds, runs }));
    tf.dispose([digits.train.x, digits.test.x, digits.validation.x]);
  }
  tf.dispose([all.x, all.y, ...Object.values(whole).flatMap(({ x, y }) => [x, y])]);
  await draw(rows, plan);
  return page(rows, plan, profile.seeds.length);
}

async function rowOf(
  model: Model,
  digits: Digits,
  { adamSteps, times, extra, seeds, runs }: Plan & { seeds: number[]; runs: Runs },
): Promise<Row> {
  const count = parameters(model);
  const at = (name: Name, rate: number, seed: number, why: string, budget: Budget) => {
    const { batch, make } = methods[name];
    return runs.get(`${count} | ${name} | ${rate} | ${seed} | ${why}`, () =>
      train({ model, ...digits, batch }, () => make(rate), budget, seed),
    );
  };
  // How far Adam gets, on the digits held out, with the seed that choices are made with.
  const far: Budget = { steps: adamSteps, seconds: MOST_SECONDS };
  const lowest = async (rate: number) => {
    const course = await at('Adam', rate, CHOOSING, 'goal', far);
    return course.diverged ? Number.POSITIVE_INFINITY : Math.min(...course.validation);
  };
  const adam = await searched(methods.Adam.first, lowest);
  const goal = await lowest(adam.rate);

  const timed = async (name: Name, rate: number, budget: Budget) => {
    const courses: Course[] = [];
    for (const seed of seeds) courses.push(await at(name, rate, seed, 'to the goal', budget));
    const seconds = courses.map((course) => reached(course, goal)?.seconds ?? Infinity);
    console.log(`${count} parameters, to ${goal}, ${name} at ${rate}: ${seconds} s`);
    return spreadOf(seconds);
  };
  const measured = async (name: Name, choice: Choice, budget: Budget) => ({
    choice,
    seconds: await timed(name, choice.rate, budget),
  });
  const Adam = await measured('Adam', adam, { steps: 1000, seconds: MOST_SECONDS, target: goal });
  const limit = Math.min(times * Adam.seconds.middle + extra, MOST_SECONDS);
  const budget: Budget = { steps: 1000, seconds: limit, target: goal };
  const tuned = async (name: Tuned) => {
    const choice = await searched(methods[name].first, async (rate) =>
      score(await at(name, rate, CHOOSING, 'choice', budget), goal, limit),
    );
    return measured(name, choice, budget);
  };
  return {
    parameters: count,
    goal,
    methods: {
      Adam,
      momentum: await tuned('momentum'),
      'Gauss–Newton CG, batch 1000': await tuned('Gauss–Newton CG, batch 1000'),
      'Gauss–Newton CG, batch 250': await tuned('Gauss–Newton CG, batch 250'),
      'implicit Adam': await tuned('implicit Adam'),
      // Its first δ is its default.
      [UNTUNED]: { seconds: await timed(UNTUNED, 0, budget) },
    },
  };
}

/** Columns spread over all features, so that a small head sees all of the image. */
function firstFeatures({ x, y }: FeatureExamples, { features }: Size): FeatureExamples {
  const all = x.shape[1];
  const columns = Array.from({ length: features }, (_, i) => Math.floor((i * all) / features));
  return { x: tf.gather(x, columns, 1), y };
}

async function draw(rows: Row[], { adamSteps }: Plan): Promise<void> {
  const lines = names.map((name, i) => ({
    name,
    colour: [PALETTE[2]!, PALETTE[4]!, PALETTE[0]!, PALETTE[5]!, PALETTE[1]!, PALETTE[3]!][i]!,
    mode: 'lines+markers',
    x: rows.map((row) => row.parameters),
    y: rows.map((row) => finite(row.methods[name].seconds.middle)),
    low: rows.map((row) => finite(row.methods[name].seconds.low)),
    high: rows.map((row) => finite(row.methods[name].seconds.high)),
  }));
  const inAdams = (values: (number | null)[]) =>
    values.map((time, i) => {
      const adam = rows[i]!.methods.Adam.seconds.middle;
      return time === null || !Number.isFinite(adam) ? null : time / adam;
    });
  const xaxis = { title: 'parameters of the head', type: 'log', dtick: 1 } as const;
  await writeGrid(
    'break-even.png',
    [
      {
        title: `To the loss of Adam's ${adamSteps} steps`,
        xaxis,
        yaxis: { title: 'processor time (s)', type: 'log', dtick: 1 },
        lines,
      },
      {
        title: 'In times of Adam',
        xaxis,
        yaxis: {
          title: "time, in Adam's",
          type: 'log',
          range: [Math.log10(0.15), Math.log10(8)],
          tickvals: [0.2, 0.5, 1, 2, 5],
          ticktext: ['⅕', '½', '1', '2', '5'],
        },
        lines: lines.map((line) => ({
          ...line,
          y: inAdams(line.y),
          low: inAdams(line.low),
          high: inAdams(line.high),
        })),
      },
    ],
    'Processor time that Adam, momentum, Gauss–Newton CG and implicit Adam, tuned and untuned, need for one loss, by the number ' +
      'of parameters of the head.',
  );
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

/** Who is the first at each size, and how the others compare with Adam, by medians. */
function conclusion(rows: Row[]): string {
  const at = ({ parameters }: Row) => parameters.toLocaleString('en');
  const time = (row: Row, name: Name) => row.methods[name].seconds.middle;
  const first = (row: Row) => names.reduce((a, b) => (time(row, b) < time(row, a) ? b : a));
  const firsts = rows.map((row) => {
    const all = Number.isFinite(row.methods[first(row)].seconds.high);
    return `${first(row)} at ${at(row)} parameters${all ? '' : ' (not with every seed)'}`;
  });
  const ratios = names.slice(1).map((name) => {
    const each = rows.map((row) => {
      const ratio = time(row, name) / time(row, 'Adam');
      const all = Number.isFinite(row.methods[name].seconds.high);
      return Number.isFinite(ratio) ? `${ratio.toPrecision(2)}${all ? '' : '*'}` : 'not reached';
    });
    return `${name} ${each.join(', ')}`;
  });
  return `**First by processor time (medians): ${firsts.join(', ')}.** In times of Adam's, from the smallest head to the largest: ${ratios.join('; ')}. With a star not every seed gets there.`;
}

function page(rows: Row[], { adamSteps, times, extra }: Plan, seeds: number): string {
  const table = rows.map(({ parameters, goal, methods: found }) => ({
    parameters: parameters.toLocaleString('en'),
    loss: goal.toPrecision(3),
    ...Object.fromEntries(
      names.flatMap((name) => {
        const { choice, seconds } = found[name];
        const time = [`${name} (s)`, shown(seconds, (x) => x.toPrecision(2))];
        if (choice === undefined) return [time];
        return [time, [`${name}, at δ`, `${choice.rate}${choice.interior ? '' : ' (edge)'}`]];
      }),
    ),
  }));
  return `${conclusion(rows)}

![Break-even](break-even.png)

The loss to reach is the lowest that Adam gets to on ${HELD.toLocaleString('en')} digits held out, in ${adamSteps} steps of batch ${methods.Adam.batch} at its best rate. Rates are a factor √10 apart, extended until the best has a neighbour on both sides (Adam's by that loss, the others' by the seconds to it on the digits held out), with a seed that is not among the ${seeds} reported. The seconds are those of one processor until the test loss is as low: median (least … largest), “never” where a seed does not reach it in 1,000 steps or in ${times} times Adam's median time and ${extra} s; momentum takes Adam's batches, implicit Adam those of ${methods['implicit Adam'].batch}, untuned ${methods[UNTUNED].batch}. ${LESSONS.toLocaleString('en')} digits; heads of fewer than 5,000 parameters are linear, the others have a hidden layer.

${markdownTable(table)}`;
}
