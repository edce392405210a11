import * as tf from '@tensorflow/tfjs';
import { type FeatureExamples, transferFeatures } from 'implicit-lab-course';
import { lbfgs, type Spread, spreadOf } from '../../course/experiments';
import { PALETTE } from '../../course/notebook';
import { valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { evaluate, type Model, mlp } from '../../lib/models';
import type { NamedTensors } from '../../lib/spaces';
import { type Contender, explicitOnes } from './contenders';
import { type Line, markdownTable, type Panel, writeGrid } from './grid';
import { CHOOSING, Runs } from './runs';
import { searched } from './search';
import type { Profile } from './study';
import { type Budget, type Course, emptyCourse, startClock, type Task, train } from './train';

/** A head of 25,285 parameters on the 784 features of the frozen network. */
const head = mlp({ sizes: [784, 32, 5], activation: 'relu' });

interface HeadContender extends Contender {
  batch: number;
}

const curvature = 'gauss-newton';
const small = 128;
const middle = 250;
const large = 1000;
const SKY = PALETTE[5]!;
const BLUE = PALETTE[0]!;
const VERMILION = PALETTE[1]!;

const headContenders: HeadContender[] = [
  ...explicitOnes.map((contender) => ({
    ...contender,
    batch: small,
    rate: { SGD: 0.032, momentum: 0.01, Adam: 1e-3 }[contender.name]!,
  })),
  {
    name: `Gauss–Newton CG, batch ${small}`,
    colour: SKY,
    batch: small,
    rate: 0.32,
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `Gauss–Newton CG, batch ${middle}`,
    colour: BLUE,
    dash: 'dot',
    batch: middle,
    rate: 1,
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `Gauss–Newton CG, batch ${large}`,
    colour: BLUE,
    batch: large,
    rate: 3.2,
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `implicit Adam, batch ${large}`,
    colour: VERMILION,
    batch: large,
    rate: 0.032,
    make: (rate) => implicitAdam(rate, { curvature }),
  },
];

const LBFGS = { name: 'L-BFGS, all digits', colour: PALETTE[3]!, dash: 'dash' };

/** A course with the number of examples that had been drawn at each of its points. */
interface HeadCourse extends Course {
  examples: number[];
}

/** A method at its rate, on each seed that is reported. */
interface Outcome {
  name: string;
  colour: string;
  dash?: string;
  /** The rate, and whether it is inside what was tried; not where there is nothing to choose. */
  chosen?: { rate: number; interior: boolean };
  courses: HeadCourse[];
}

/** What is the best way to train the head of a frozen network, by second and by example? */
export async function transfer(profile: Profile): Promise<string> {
  const full = profile.name === 'full';
  const seconds = full ? 20 : 1;
  const lessons = full ? 25_000 : 10_000;
  const held = 2_000;
  const { train: all, test } = transferFeatures(full ? {} : { train: lessons + held });
  const rows = (examples: FeatureExamples, from: number, count: number): FeatureExamples => ({
    x: tf.slice(examples.x, [from, 0], [count, -1]),
    y: tf.slice(examples.y, [from, 0], [count, -1]),
  });
  const [mine, validation] = [rows(all, 0, lessons), rows(all, lessons, held)];
  tf.dispose([all.x, all.y]);

  const runs = new Runs(`transfer-${profile.name}`);
  const outcomes: Outcome[] = [];
  const withExamples = (course: Course, batch: number): HeadCourse => ({
    ...course,
    examples: course.steps.map((steps) => steps * batch),
  });
  for (const contender of headContenders) {
    const { name, colour, dash, batch } = contender;
    const task = { model: head, train: mine, test, validation, batch };
    const budget: Budget = { seconds, steps: 1e5 };
    const at = async (rate: number, seed: number) =>
      withExamples(
        await runs.get(`${name} | ${rate} | ${seed}`, () =>
          train(task, () => contender.make(rate), budget, seed),
        ),
        batch,
      );
    const { rate, interior } = await searched(contender.rate, async (rate) => {
      const { diverged, validation } = await at(rate, CHOOSING);
      return diverged ? Number.POSITIVE_INFINITY : Math.min(...validation);
    });
    const courses: HeadCourse[] = [];
    for (const seed of profile.seeds) courses.push(await at(rate, seed));
    outcomes.push({ name, colour, ...(dash && { dash }), chosen: { rate, interior }, courses });
    console.log(`${name}, δ = ${rate}: ${courses.map(({ accuracies }) => accuracies.at(-1))}`);
  }
  const byAll: HeadCourse[] = [];
  for (const seed of profile.seeds) {
    const task = { model: head, train: mine, test, validation, batch: lessons };
    const course = await runs.get(`${LBFGS.name} | ${seed}`, () => byLbfgs(task, seconds, seed));
    byAll.push(withExamples(course, lessons));
  }
  outcomes.push({ ...LBFGS, courses: byAll });
  tf.dispose([mine.x, mine.y, validation.x, validation.y, test.x, test.y]);

  await writeGrid('transfer.png', [panel(outcomes, 'seconds'), panel(outcomes, 'examples')], words);
  return page(outcomes, { lessons, held, seconds, seeds: profile.seeds.length });
}

/** L-BFGS as a course; its steps are evaluations of the loss with its gradient. */
async function byLbfgs(
  { model, train, test, validation }: Task,
  limit: number,
  seed: number,
): Promise<Course> {
  const course = emptyCourse();
  const start = model.init(seed);
  const loss = (x: NamedTensors) =>
    tf.tidy(() => softmaxCrossEntropy(train.y, model.predict(x, train.x)));
  let [evaluations, seconds, wall] = [0, 0, 0];
  let clock = startClock();
  const look = async (x: NamedTensors) => {
    const { cpu, real } = clock();
    seconds += cpu;
    wall += real;
    const { loss, accuracy } = await evaluate(model, x, test);
    course.steps.push(evaluations);
    course.seconds.push(seconds);
    course.wall.push(wall);
    course.losses.push(loss);
    course.accuracies.push(accuracy);
    if (validation) course.validation.push((await evaluate(model, x, validation)).loss);
    clock = startClock();
    return seconds < limit;
  };
  await look(start);
  const end = await lbfgs(
    (x) => {
      evaluations += 1;
      const { value, gradient } = valueAndGradient(loss, x);
      const number = value.dataSync()[0]!;
      value.dispose();
      return { value: number, gradient };
    },
    start,
    { watch: look },
  );
  tf.dispose([start, end]);
  return course;
}

/** The error, on a logarithmic axis, where 99 % and 98 % are as far apart as 98 % and 96 %. */
function panel(outcomes: Outcome[], by: 'seconds' | 'examples'): Panel {
  const lines = outcomes.flatMap(({ name, colour, dash, courses }) =>
    courses.map(
      ({ accuracies, ...course }): Line => ({
        name,
        colour,
        ...(dash && { dash }),
        x: course[by].slice(1),
        y: accuracies.slice(1).map((accuracy) => 100 * (1 - accuracy)),
      }),
    ),
  );
  return {
    title: by === 'seconds' ? 'By second' : 'By example',
    xaxis: {
      title: by === 'seconds' ? 'processor time (s)' : 'examples drawn',
      type: 'log',
      dtick: 1,
    },
    yaxis: {
      title: 'test accuracy (%)',
      type: 'log',
      range: [Math.log10(60), Math.log10(0.8)],
      tickvals: [50, 20, 10, 5, 2, 1],
      ticktext: ['50', '80', '90', '95', '98', '99'],
    },
    lines,
  };
}

const words =
  'Test accuracy of a head on the frozen features, by processor second and by examples drawn, for ' +
  'SGD, momentum, Adam, Gauss–Newton CG in three batch sizes, implicit Adam and L-BFGS; a line for ' +
  'each seed.';

function page(
  outcomes: Outcome[],
  {
    lessons,
    held,
    seconds,
    seeds,
  }: { lessons: number; held: number; seconds: number; seeds: number },
): string {
  const goals = [0.95, 0.98];
  /** Of all seeds: what they had spent when the accuracy was reached, ∞ where it never was. */
  const spent = (courses: HeadCourse[], goal: number, on: 'seconds' | 'examples') =>
    spreadOf(
      courses.map((course) => {
        const at = course.accuracies.findIndex((accuracy) => accuracy >= goal);
        return at < 0 ? Number.POSITIVE_INFINITY : course[on][at]!;
      }),
    );
  /** Of all seeds, where the loss on the digits held out is least. */
  const stopped = (courses: HeadCourse[], on: 'accuracies' | 'losses') =>
    spreadOf(
      courses.map(
        (course) => course[on][course.validation.indexOf(Math.min(...course.validation))]!,
      ),
    );
  const rows = outcomes.map(({ name, chosen, courses }) => ({
    method: name,
    δ: chosen ? `${chosen.rate}${chosen.interior ? '' : ' (edge)'}` : '',
    ...Object.fromEntries(
      goals.flatMap((goal) => [
        [
          `${100 * goal} % after (s)`,
          shown(spent(courses, goal, 'seconds'), (x) => x.toPrecision(2)),
        ],
        [
          `examples to ${100 * goal} %`,
          shown(spent(courses, goal, 'examples'), (x) => x.toLocaleString('en')),
        ],
      ]),
    ),
    'accuracy (%)': shown(stopped(courses, 'accuracies'), (x) => (100 * x).toFixed(2)),
    'test loss': shown(stopped(courses, 'losses'), (x) => x.toPrecision(3)),
  }));
  const firsts = goals.map((goal) => {
    const [time, examples] = (['seconds', 'examples'] as const).map((on) =>
      firstOf(outcomes, ({ courses }) => spent(courses, goal, on)),
    );
    if (time === undefined) return `The median of no method reaches ${100 * goal} %.`;
    return `To ${100 * goal} % ${time} takes the least time, ${examples} the fewest examples.`;
  });
  const lossOf = ({ courses }: Outcome) => stopped(courses, 'losses');
  const lowest = leastOf(outcomes, (outcome) => lossOf(outcome).middle)!;
  return `**${firsts.join(' ')} Where the loss on the digits held out is least, ${lowest.name} has the lowest test loss, ${shown(lossOf(lowest), (x) => x.toPrecision(2))}** (medians).

![The head of a frozen network](transfer.png)

The task of \`transferFeatures()\`: digits 5 to 9 as a network sees them that was trained on 0 to 4. A head 784-32-5 (relu, ${parameters(head).toLocaleString('en')} parameters) learns from ${lessons.toLocaleString('en')} of them, ${seconds} s of one processor for each method. Rates are a factor √10 apart, extended until the one of least loss on ${held.toLocaleString('en')} digits held out has a neighbour on both sides, with a seed that is not among the ${seeds} reported; the figure and the table are on the test digits, median (least … largest), accuracy and loss where the loss on the digits held out is least. “Examples” counts what was drawn, not the products: a CG iteration looks at its batch again. L-BFGS remembers ten pairs.

${markdownTable(rows)}`;
}

/** The outcome of which a number is least; undefined where it is finite for none. */
function leastOf(outcomes: Outcome[], number: (outcome: Outcome) => number): Outcome | undefined {
  const least = outcomes.reduce((a, b) => (number(b) < number(a) ? b : a));
  return Number.isFinite(number(least)) ? least : undefined;
}

/** Who is first by the median, and where some seed does not get there, who is among those that all do. */
function firstOf(outcomes: Outcome[], of: (outcome: Outcome) => Spread): string | undefined {
  const first = leastOf(outcomes, (outcome) => of(outcome).middle);
  if (first === undefined || Number.isFinite(of(first).high)) return first?.name;
  const sure = outcomes.filter((outcome) => Number.isFinite(of(outcome).high));
  const next = sure.length > 0 ? leastOf(sure, (outcome) => of(outcome).middle) : undefined;
  return `${first.name} (not with every seed${next ? `; of those that always get there, ${next.name}` : ''})`;
}

/** `median (least … largest)`, “never” for what is not finite. */
export function shown({ low, middle, high }: Spread, said: (value: number) => string): string {
  const words = (value: number) => (Number.isFinite(value) ? said(value) : 'never');
  if (!Number.isFinite(low)) return 'never';
  return `${words(middle)} (${words(low)} … ${words(high)})`;
}

export function parameters(model: Model): number {
  const initial = model.init(1);
  const count = Object.values(initial).reduce((sum, { size }) => sum + size, 0);
  tf.dispose(initial);
  return count;
}
