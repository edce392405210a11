import * as tf from '@tensorflow/tfjs';
import type { FeatureExamples } from 'implicit-lab-course';
import { spreadOf } from '../../course/experiments';
import { implicitAdam, implicitSGD, kronecker } from '../../lib/descent';
import { cg } from '../../lib/solvers';
import { markdownTable } from './grid';
import { Runs } from './runs';
import type { Profile } from './study';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { type Course, type Learner, lossOf, reached, train } from './train';

/** Written down before the runs. */
const TASKS = ['MLP', 'CNN', 'RNN', 'head'];
const LIMIT = { seconds: 12, steps: 80 };
const [initial, curvature] = [1, 'gauss-newton'] as const;

/** At most so many iterations, at the tolerance that is the middle of those of `'auto'`. */
const atMost = (maxIterations: number) => cg({ tolerance: 0.1, maxIterations, best: 'energy' });

/** What a step of `'auto'` may be spared. */
const variants: { name: string; make(task: StudyTask): Learner }[] = [
  {
    name: 'nothing spared',
    make: (task) => learner(task, implicitSGD('auto', { initial, curvature })),
  },
  {
    name: 'kronecker()',
    make: (task) =>
      learner(task, implicitSGD('auto', { initial, curvature, preconditioner: kronecker() })),
  },
  {
    name: 'kronecker({ every: 5 })',
    make: (task) =>
      learner(
        task,
        implicitSGD('auto', { initial, curvature, preconditioner: kronecker({ every: 5 }) }),
      ),
  },
  {
    name: 'curvature of half of the batch',
    make: (task) => learner(task, implicitSGD('auto', { initial, curvature }), 1 / 2),
  },
  {
    name: 'curvature of a quarter',
    make: (task) => learner(task, implicitSGD('auto', { initial, curvature }), 1 / 4),
  },
  {
    name: 'implicit Adam, nothing spared',
    make: (task) => learner(task, implicitAdam('auto', { initial, curvature })),
  },
  {
    name: 'implicit Adam, kronecker()',
    make: (task) =>
      learner(task, implicitAdam('auto', { initial, curvature, preconditioner: kronecker() })),
  },
  {
    name: 'implicit Adam, at most 5 iterations',
    make: (task) => learner(task, implicitAdam('auto', { initial, curvature, solver: atMost(5) })),
  },
  {
    name: 'implicit Adam, at most 3 iterations',
    make: (task) => learner(task, implicitAdam('auto', { initial, curvature, solver: atMost(3) })),
  },
  {
    name: 'implicit Adam, at most 5, curvature of half of the batch',
    make: (task) =>
      learner(task, implicitAdam('auto', { initial, curvature, solver: atMost(5) }), 1 / 2),
  },
  {
    name: 'implicit Adam, at most 3, curvature of a quarter',
    make: (task) =>
      learner(task, implicitAdam('auto', { initial, curvature, solver: atMost(3) }), 1 / 4),
  },
];

/** Do a preconditioner, the curvature of a share of the batch and fewer iterations save anything? */
export async function savings({ name, seeds }: Profile): Promise<string> {
  const runs = new Runs(`savings-${name}`);
  const rows: Record<string, string>[] = [];
  for (const maker of studyTasks.filter(({ name }) => TASKS.includes(name))) {
    const task = maker.make();
    const courses = new Map<string, Course[]>(variants.map(({ name }) => [name, []]));
    const keyOf = (name: string, seed: number) => [task.name, name, seed].join(' | ');
    // Of the runs that are kept, the seeds with which all variants were run.
    const among = variants.reduce(
      (some, { name }) => runs.among(some, (seed) => keyOf(name, seed)),
      [...seeds],
    );
    // Variants take turns, so that all see the same load.
    for (const seed of among) {
      for (const { name, make } of variants) {
        const budget = { ...LIMIT, target: task.target };
        const run = () => train(task, () => make(task), budget, seed);
        courses.get(name)!.push(await runs.get(keyOf(name, seed), run));
      }
    }
    for (const { name } of variants) {
      if (among.length === 0) continue;
      const row = rowOf(task, name, courses.get(name)!);
      console.log(Object.values(row).join(', '));
      rows.push(row);
    }
    disposeTask(task);
  }
  return `\`implicitSGD('auto')\`, and where it says so \`implicitAdam('auto')\`, from a first δ of ${initial}, with Gauss–Newton products and every other option at its default, by \`step\`, to the test loss of the study: median, of two the lower one (least … largest) over the seeds; “products” are all that the steps took, without those of the renewals. Seconds are of one processor. Preconditioned steps take whole products instead of those in the rows of the batch, and so do steps with the curvature of a share. Limits of iterations come with a tolerance of 0.1; by default there are at most ten.

${markdownTable(rows)}`;
}

function rowOf(task: StudyTask, name: string, courses: readonly Course[]): Record<string, string> {
  const of = (what: 'steps' | 'seconds') =>
    shown(courses.map((course) => reached(course, task.target)?.[what] ?? Infinity));
  const products = courses.map((course) => course.products?.at(-1) ?? 0);
  const perStep = courses.map(({ steps }, i) => products[i]! / steps.at(-1)!);
  return {
    network: task.name,
    'what is spared': name,
    seeds: String(courses.length),
    steps: of('steps'),
    seconds: of('seconds'),
    'products a step': shown(perStep),
  };
}

/** Steps by `step`, with the curvature of the first examples of each batch if that is asked for. */
function learner(
  task: StudyTask,
  optimizer: ReturnType<typeof implicitSGD | typeof implicitAdam>,
  share?: number,
): Learner {
  const some = ({ x, y }: FeatureExamples): FeatureExamples => {
    const count = Math.ceil(x.shape[0] * share!);
    return { x: tf.slice(x, [0, 0], [count, -1]), y: tf.slice(y, [0, 0], [count, -1]) };
  };
  return {
    products: 0,
    async learn(variables, batch, loss) {
      const part = share === undefined ? undefined : some(batch);
      const lossOfPart = part && lossOf(task, part);
      const { products } = await optimizer.step(
        () => loss(variables),
        Object.values(variables),
        lossOfPart ? { curvature: () => lossOfPart(variables) } : {},
      );
      tf.dispose(part ? [part.x, part.y] : []);
      (this as { products: number }).products += products;
    },
    dispose: () => optimizer.dispose(),
  };
}

export function shown(values: readonly number[]): string {
  const { low, middle, high } = spreadOf([...values]);
  if (!Number.isFinite(middle)) return 'never';
  return `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : 'never'})`;
}

const number = (value: number) => String(Number(value.toPrecision(value < 10 ? 2 : 3)));
