import * as tf from '@tensorflow/tfjs';
import { type FeatureExamples, transferFeatures } from 'implicit-lab-course';
import { lbfgs } from '../../course/experiments';
import { PALETTE } from '../../course/notebook';
import { valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { evaluate, type Model, mlp } from '../../lib/models';
import type { NamedTensors } from '../../lib/spaces';
import { type Contender, explicitOnes } from './contenders';
import { type Line, markdownTable, type Panel, writeGrid } from './grid';
import { Runs } from './runs';
import type { Profile } from './study';
import { type Budget, type Course, emptyCourse, startClock, type Task, train } from './train';

/** A head of 25,285 parameters on the 784 features of the frozen network. */
const head = mlp({ sizes: [784, 32, 5], activation: 'relu' });

interface HeadContender extends Omit<Contender, 'rate'> {
  batch: number;
  /** Among them the best is chosen on digits that are neither trained on nor tested with. */
  rates: number[];
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
    rates: { SGD: [0.01, 0.03, 0.1], momentum: [3e-3, 0.01, 0.03], Adam: [3e-4, 1e-3, 3e-3] }[
      contender.name
    ]!,
  })),
  {
    name: `Gauss–Newton CG, batch ${small}`,
    colour: SKY,
    batch: small,
    rates: [0.1, 0.3, 1],
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `Gauss–Newton CG, batch ${middle}`,
    colour: BLUE,
    dash: 'dot',
    batch: middle,
    rates: [0.3, 1, 3],
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `Gauss–Newton CG, batch ${large}`,
    colour: BLUE,
    batch: large,
    rates: [1, 3, 10],
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: `implicit Adam, batch ${large}`,
    colour: VERMILION,
    batch: large,
    rates: [0.01, 0.03, 0.1],
    make: (rate) => implicitAdam(rate, { curvature }),
  },
];

const LBFGS = { name: 'L-BFGS, all digits', colour: PALETTE[3]!, dash: 'dash' };

/** A course with the number of examples that had been drawn at each of its points. */
interface HeadCourse extends Course {
  name: string;
  colour: string;
  dash?: string;
  rate?: number;
  examples: number[];
}

/** What is the best way to train the head of a frozen network, by second and by example? */
export async function transfer(profile: Profile): Promise<string> {
  const full = profile.name === 'full';
  const seconds = full ? 20 : 5;
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
  const courses: HeadCourse[] = [];
  for (const contender of headContenders) {
    const { name, colour, dash, batch, rates } = contender;
    const task = { model: head, train: mine, batch };
    const budget: Budget = { seconds, steps: 1e5 };
    const trial = (rate: number) => () =>
      train({ ...task, test: validation }, () => contender.make(rate), budget);
    const losses: number[] = [];
    for (const rate of rates) {
      const course = await runs.get(`${name} | ${rate} | validation`, trial(rate));
      losses.push(course.diverged ? Number.POSITIVE_INFINITY : Math.min(...course.losses));
    }
    const rate = rates[losses.indexOf(Math.min(...losses))]!;
    const course = await runs.get(`${name} | ${rate} | test`, () =>
      train({ ...task, test }, () => contender.make(rate), budget),
    );
    const examples = course.steps.map((steps) => steps * batch);
    courses.push({ ...course, name, colour, ...(dash && { dash }), rate, examples });
    console.log(`${name}, δ = ${rate}: ${course.accuracies.at(-1)}`);
  }
  const course = await runs.get(`${LBFGS.name} | test`, () =>
    byLbfgs({ model: head, train: mine, test, batch: lessons }, seconds),
  );
  courses.push({ ...course, ...LBFGS, examples: course.steps.map((steps) => steps * lessons) });
  tf.dispose([mine.x, mine.y, validation.x, validation.y, test.x, test.y]);

  await writeGrid('transfer.png', [panel(courses, 'seconds'), panel(courses, 'examples')], words);
  return page(courses, { lessons, held, seconds });
}

/** L-BFGS as a course; its steps are evaluations of the loss with its gradient. */
async function byLbfgs({ model, train, test }: Task, limit: number): Promise<Course> {
  const course = emptyCourse();
  const start = model.init(1);
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
function panel(courses: HeadCourse[], by: 'seconds' | 'examples'): Panel {
  const lines = courses.map(
    ({ name, colour, dash, accuracies, ...course }): Line => ({
      name,
      colour,
      ...(dash && { dash }),
      x: course[by].slice(1),
      y: accuracies.slice(1).map((accuracy) => 100 * (1 - accuracy)),
    }),
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
  'SGD, momentum, Adam, Gauss–Newton CG in two batch sizes, implicit Adam and L-BFGS.';

function page(
  courses: HeadCourse[],
  { lessons, held, seconds }: { lessons: number; held: number; seconds: number },
): string {
  const goals = [0.95, 0.98];
  const first = ({ accuracies }: HeadCourse, goal: number) =>
    accuracies.findIndex((accuracy) => accuracy >= goal);
  const rows = courses.map((course) => ({
    method: course.name,
    δ: course.rate === undefined ? '' : `${course.rate}`,
    ...Object.fromEntries(
      goals.flatMap((goal) => {
        const at = first(course, goal);
        return [
          [`${100 * goal} % after (s)`, at < 0 ? 'never' : course.seconds[at]!.toPrecision(2)],
          [`examples to ${100 * goal} %`, at < 0 ? '' : course.examples[at]!.toLocaleString('en')],
        ];
      }),
    ),
    'best accuracy (%)': (100 * Math.max(...course.accuracies)).toFixed(2),
    'best test loss': Math.min(...course.losses).toPrecision(3),
  }));
  return `![The head of a frozen network](transfer.png)

The task of \`transferFeatures()\`: digits 5 to 9 as a network sees them that was trained on 0 to 4. A head 784-32-5 (relu, ${parameters(head).toLocaleString('en')} parameters) learns from ${lessons.toLocaleString('en')} of them, ${seconds} s of one processor for each method. Its learning rate is the best of three on ${held.toLocaleString('en')} digits held out; the figure and the table are on the test digits. “Examples” counts what was drawn, not the products: a CG iteration looks at its batch again. L-BFGS remembers ten pairs.

${markdownTable(rows)}`;
}

export function parameters(model: Model): number {
  const initial = model.init(1);
  const count = Object.values(initial).reduce((sum, { size }) => sum + size, 0);
  tf.dispose(initial);
  return count;
}
