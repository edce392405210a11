import * as tf from '@tensorflow/tfjs';
import { type FeatureExamples, transferFeatures } from 'implicit-lab-course';
import { PALETTE } from '../../course/notebook';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { type Model, mlp } from '../../lib/models';
import { markdownTable, writeGrid } from './grid';
import { Runs } from './runs';
import type { Profile } from './study';
import { type Course, reached, train } from './train';
import { parameters } from './transfer';

/** A head, and how many of the features it looks at. */
interface Size {
  features: number;
  hidden?: number;
}

const sizes: Size[] = [
  { features: 200 },
  { features: 784 },
  { features: 784, hidden: 13 },
  { features: 784, hidden: 40 },
  { features: 784, hidden: 126 },
  { features: 784, hidden: 400 },
  { features: 784, hidden: 1265 },
];

const curvature = 'gauss-newton';
const methods = {
  Adam: { batch: 128, rates: [1e-3, 3e-3, 0.01], make: (rate: number) => tf.train.adam(rate) },
  'Gauss–Newton CG, batch 1000': {
    batch: 1000,
    rates: [1, 3, 10],
    make: (rate: number) => implicitSGD(rate, { curvature }),
  },
  // Few enough examples for the rows of the batch to be fewer than the features.
  'Gauss–Newton CG, batch 250': {
    batch: 250,
    rates: [0.3, 1, 3],
    make: (rate: number) => implicitSGD(rate, { curvature }),
  },
  'implicit Adam': {
    batch: 1000,
    rates: [3e-3, 0.01, 0.03],
    make: (rate: number) => implicitAdam(rate, { curvature }),
  },
};
type Name = keyof typeof methods;
const names = Object.keys(methods) as Name[];

/** Steps of Adam whose result the others are to reach. */
const ADAM_STEPS = 150;

interface Row {
  parameters: number;
  goal: number;
  seconds: Partial<Record<Name, number>>;
}

/** From how many parameters on does a Gauss–Newton step pay, or up to how many? */
export async function breakEven(profile: Profile): Promise<string> {
  const runs = new Runs(`break-even-${profile.name}`);
  const { train: all, test } = transferFeatures({ train: 10_000, test: 1_000 });
  const rows: Row[] = [];
  for (const size of sizes) {
    const model = mlp({
      sizes: [size.features, ...(size.hidden ? [size.hidden] : []), 5],
      activation: 'relu',
    });
    rows.push(await rowOf(model, firstFeatures(all, size), firstFeatures(test, size), runs));
  }
  tf.dispose([all.x, all.y, test.x, test.y]);
  await draw(rows);
  return page(rows);
}

async function rowOf(
  model: Model,
  mine: FeatureExamples,
  test: FeatureExamples,
  runs: Runs,
): Promise<Row> {
  const count = parameters(model);
  const tried = async (name: Name, budget: { steps: number; seconds: number; target?: number }) => {
    const { batch, rates, make } = methods[name];
    const courses: Course[] = [];
    for (const rate of rates) {
      const task = { model, train: mine, test, batch };
      courses.push(
        await runs.get(`${count} | ${name} | ${rate}`, () => train(task, () => make(rate), budget)),
      );
    }
    return courses;
  };
  const byAdam = await tried('Adam', { steps: ADAM_STEPS, seconds: 60 });
  const goal = Math.min(...byAdam.flatMap(({ losses }) => losses));
  const fastest = (courses: Course[]) => {
    const times = courses.map(
      (course) => reached(course, goal)?.seconds ?? Number.POSITIVE_INFINITY,
    );
    const least = Math.min(...times);
    return Number.isFinite(least) ? least : undefined;
  };
  const seconds: Row['seconds'] = { Adam: fastest(byAdam)! };
  const limit = 5 * seconds.Adam! + 1;
  for (const name of names.filter((name) => name !== 'Adam')) {
    const time = fastest(await tried(name, { steps: 1000, seconds: limit, target: goal }));
    if (time !== undefined) seconds[name] = time;
  }
  tf.dispose([mine.x, test.x]);
  const said = Object.entries(seconds).map(([name, time]) => `${name} ${time.toPrecision(2)} s`);
  console.log(`${count} parameters, to ${goal}: ${said.join(', ')}`);
  return { parameters: count, goal, seconds };
}

/** Columns spread over all features, so that a small head sees all of the image. */
function firstFeatures({ x, y }: FeatureExamples, { features }: Size): FeatureExamples {
  const all = x.shape[1];
  const columns = Array.from({ length: features }, (_, i) => Math.floor((i * all) / features));
  return { x: tf.gather(x, columns, 1), y };
}

async function draw(rows: Row[]): Promise<void> {
  const lines = names.map((name, i) => ({
    name,
    colour: [PALETTE[2]!, PALETTE[0]!, PALETTE[5]!, PALETTE[1]!][i]!,
    mode: 'lines+markers',
    x: rows.map((row) => row.parameters),
    y: rows.map(({ seconds }) => seconds[name] ?? null),
  }));
  const xaxis = { title: 'parameters of the head', type: 'log', dtick: 1 } as const;
  await writeGrid(
    'break-even.png',
    [
      {
        title: `To the loss of Adam's ${ADAM_STEPS} steps`,
        xaxis,
        yaxis: { title: 'processor time (s)', type: 'log', dtick: 1, range: [-1, 1.2] },
        lines,
      },
      {
        title: 'In times of Adam',
        xaxis,
        yaxis: {
          title: "time, in Adam's",
          type: 'log',
          range: [Math.log10(0.45), Math.log10(8)],
          tickvals: [0.5, 1, 2, 5],
          ticktext: ['½', '1', '2', '5'],
        },
        lines: lines.map((line) => ({
          ...line,
          y: line.y.map((time, i) => (time === null ? null : time / rows[i]!.seconds.Adam!)),
        })),
      },
    ],
    'Processor time that Adam, Gauss–Newton CG and implicit Adam need for one loss, by the number ' +
      'of parameters of the head.',
  );
}

function page(rows: Row[]): string {
  const table = rows.map(({ parameters, goal, seconds }) => ({
    parameters: parameters.toLocaleString('en'),
    'test loss': goal.toPrecision(3),
    ...Object.fromEntries(
      names.map((name) => [
        `${name} (s)`,
        seconds[name]?.toPrecision(2) ?? 'not within five times Adam’s',
      ]),
    ),
  }));
  return `![Break-even](break-even.png)

The loss to reach is the lowest that Adam gets to in ${ADAM_STEPS} steps of batch ${methods.Adam.batch}, at the best of three rates; the others take their best of three rates too; implicit Adam in batches of ${methods['implicit Adam'].batch}. 10,000 digits; the smallest head is linear in 200 of the features, the next in all 784, the others have a hidden layer.

${markdownTable(table)}`;
}
