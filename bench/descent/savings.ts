import * as tf from '@tensorflow/tfjs';
import type { FeatureExamples } from 'implicit-lab-course';
import { spreadOf } from '../../course/experiments';
import { implicitSGD, kronecker } from '../../lib/descent';
import { cg, type DeferredSolution, type LinearSolver, type Solution } from '../../lib/solvers';
import type { LinearOperator, NamedTensors, Vector } from '../../lib/spaces';
import { tensors } from '../../lib/spaces';
import { markdownTable } from './grid';
import { Runs } from './runs';
import type { Profile } from './study';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { type Course, type Learner, lossOf, reached, train, variablesOf } from './train';

/** Written down before the runs. */
const TASKS = ['MLP', 'CNN', 'RNN'];
const LIMIT = { seconds: 12, steps: 80 };
const curvature = 'gauss-newton';

/** What a step of `implicitSGD('auto')` may be spared. */
const variants: { name: string; make(task: StudyTask): Learner }[] = [
  { name: 'nothing spared', make: (task) => learner(task, {}) },
  { name: 'kronecker()', make: (task) => learner(task, { preconditioner: kronecker() }) },
  {
    name: 'kronecker({ every: 5 })',
    make: (task) => learner(task, { preconditioner: kronecker({ every: 5 }) }),
  },
  { name: 'curvature of half of the batch', make: (task) => learner(task, {}, 1 / 2) },
  { name: 'curvature of a quarter', make: (task) => learner(task, {}, 1 / 4) },
];

/** Do a preconditioner, the curvature of a share of the batch, and a warm start save anything? */
export async function savings({ name, seeds }: Profile): Promise<string> {
  const runs = new Runs(`savings-${name}`);
  const rows: Record<string, string>[] = [];
  const starts: Record<string, string>[] = [];
  for (const maker of studyTasks.filter(({ name }) => TASKS.includes(name))) {
    const task = maker.make();
    const courses = new Map<string, Course[]>(variants.map(({ name }) => [name, []]));
    // Variants take turns, so that all see the same load.
    for (const seed of seeds) {
      for (const { name, make } of variants) {
        const key = [task.name, name, seed].join(' | ');
        const budget = { ...LIMIT, target: task.target };
        const run = () => train(task, () => make(task), budget, seed);
        courses.get(name)!.push(await runs.get(key, run));
      }
    }
    for (const { name } of variants) {
      const row = rowOf(task, name, courses.get(name)!);
      console.log(Object.values(row).join(', '));
      rows.push(row);
    }
    if (!Runs.onlyKept) starts.push(warmStarts(task));
    disposeTask(task);
  }
  return `\`implicitSGD('auto')\` with Gauss–Newton products and every other option at its default, by \`step\`, to the test loss of the study: median (least … largest) of ${seeds.length} seeds; “products” are all that the steps took, without those of the renewals. Seconds are of one processor. Preconditioned steps take whole products instead of those in the rows of the batch, and so do steps with the curvature of a share.

${markdownTable(rows)}${starts.length > 0 ? `\n\nA warm start: twelve steps from seed 2, each of whose systems is solved to a tolerance of 0.1 from 0, which is the step taken, and from the solution of the step before. “Residual at the start” is ‖g − (I + δC)s‖/‖g‖ there, 1 for a start from 0; medians.\n\n${markdownTable(starts)}` : ''}`;
}

function rowOf(task: StudyTask, name: string, courses: readonly Course[]): Record<string, string> {
  const of = (what: 'steps' | 'seconds') =>
    shown(courses.map((course) => reached(course, task.target)?.[what] ?? Infinity));
  const products = courses.map((course) => course.products?.at(-1) ?? 0);
  const perStep = courses.map(({ steps }, i) => products[i]! / steps.at(-1)!);
  return {
    network: task.name,
    'what is spared': name,
    steps: of('steps'),
    seconds: of('seconds'),
    'products a step': shown(perStep),
  };
}

/** Steps by `step`, with the curvature of the first examples of each batch if that is asked for. */
function learner(
  task: StudyTask,
  options: Parameters<typeof implicitSGD>[1],
  share?: number,
): Learner {
  const optimizer = implicitSGD('auto', { curvature, ...options });
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

const WARM_STEPS = 12;

/** Iterations from 0 and from the solution before. */
function warmStarts(task: StudyTask): Record<string, string> {
  const solver = new WarmAndCold();
  const optimizer = implicitSGD('auto', { curvature, solver: solver.solver });
  const variables = variablesOf(task.model, 2);
  const list = Object.values(variables);
  for (let t = 0; t < WARM_STEPS; t++) {
    const rows = (all: tf.Tensor2D) => tf.slice(all, [t * task.batch, 0], [task.batch, -1]);
    const batch = { x: rows(task.train.x), y: rows(task.train.y) };
    optimizer.minimize(() => lossOf(task, batch)(variables), false, list);
    tf.dispose([batch.x, batch.y]);
  }
  optimizer.dispose();
  solver.dispose();
  tf.dispose(list);
  return {
    network: task.name,
    'iterations from 0': shown(solver.cold),
    'from the last solution': shown(solver.warm),
    'residual at the start': shown(solver.residuals),
  };
}

/** Solves from 0, and once more from the solution before, to compare; the first one is the result. */
class WarmAndCold {
  readonly cold: number[] = [];
  readonly warm: number[] = [];
  readonly residuals: number[] = [];
  readonly #base = cg({ tolerance: 0.1, maxIterations: 50, best: 'energy' });
  #last: NamedTensors | undefined;

  get solver(): LinearSolver {
    const solve = <V extends Vector>(A: LinearOperator<V>, b: V) => this.#solve(A, b);
    const deferred = <V extends Vector>(A: LinearOperator<V>, b: V): DeferredSolution<V> => {
      const { value, ...report } = solve(A, b);
      return { value, report: async () => report, dispose() {} };
    };
    return {
      name: 'warm and cold',
      solve: async (A, b) => solve(A, b),
      solveSync: solve,
      solveDeferred: deferred,
    };
  }

  #solve<V extends Vector>(A: LinearOperator<V>, b: V): Solution<V> {
    const solution = this.#base.solveSync(A, b);
    const last = this.#last as V | undefined;
    if (last !== undefined) {
      const warm = this.#base.solveSync(A, b, { start: last });
      this.cold.push(solution.iterations);
      this.warm.push(warm.iterations);
      this.residuals.push(residualShare(A, b as NamedTensors, last as NamedTensors));
      tensors.free(warm.value as NamedTensors);
    }
    this.dispose();
    this.#last = tensors.keep(tensors.clone(solution.value as NamedTensors));
    return solution;
  }

  dispose(): void {
    tensors.free(this.#last);
    this.#last = undefined;
  }
}

/** ‖b − A x‖/‖b‖. */
function residualShare<V extends Vector>(
  A: LinearOperator<V>,
  b: NamedTensors,
  x: NamedTensors,
): number {
  return tf.tidy(() => {
    const r = tensors.axpy(tf.scalar(-1), A.apply(x as V) as NamedTensors, b);
    const [rr, bb] = [r, b].map((v) => tensors.dot(v, v).dataSync()[0]!) as [number, number];
    return Math.sqrt(rr / bb);
  });
}

function shown(values: readonly number[]): string {
  const { low, middle, high } = spreadOf([...values]);
  if (!Number.isFinite(middle)) return 'never';
  return `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : 'never'})`;
}

const number = (value: number) => String(Number(value.toPrecision(value < 10 ? 2 : 3)));
