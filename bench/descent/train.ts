import * as tf from '@tensorflow/tfjs';
import { exampleBatches, type FeatureExamples } from 'implicit-lab-course';
import { markOutput } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { NotFiniteError } from '../../lib/errors';
import { type Evaluation, evaluate, type Model } from '../../lib/models';
import type { NamedTensors } from '../../lib/spaces';
import type { Stepper } from './adam-variants';

/** What is learnt, and by what it is judged. */
export interface Task {
  model: Model;
  train: FeatureExamples;
  test: FeatureExamples;
  /** Held out from both: what is chosen is chosen on these. */
  validation?: FeatureExamples;
  batch: number;
  /** Of labels and outputs. Default the cross-entropy of a softmax. */
  loss?(y: tf.Tensor2D, z: tf.Tensor2D): tf.Scalar;
  /** What is added to it, of the parameters. Default nothing. */
  penalty?(params: NamedTensors): tf.Scalar;
  /** What is watched, on examples. Default that loss and the accuracy. */
  judge?(params: NamedTensors, examples: FeatureExamples): Promise<Evaluation>;
}

/** The loss of a task on some examples, at some parameters. */
export const lossOf =
  ({ model, loss = softmaxCrossEntropy, penalty }: Task, { x, y }: FeatureExamples) =>
  (params: NamedTensors): tf.Scalar => {
    const value = loss(y as tf.Tensor2D, markOutput(model.predict(params, x)));
    return penalty ? tf.add(value, penalty(params)) : value;
  };

/** What a task is judged by. */
export const judged = (task: Task, params: NamedTensors, examples: FeatureExamples) =>
  task.judge?.(params, examples) ?? evaluate(task.model, params, examples);

/** A method that takes the batch apart itself, where a `Stepper` sees the loss alone. */
export interface Learner {
  learn(
    variables: Record<string, tf.Variable>,
    batch: FeatureExamples,
    loss: (params: NamedTensors) => tf.Scalar,
  ): void | Promise<void>;
  /** Products with the curvature so far. */
  readonly products?: number;
  dispose(): void;
}

/** When a run ends. */
export interface Budget {
  /** Processor time of all steps together. */
  seconds: number;
  steps: number;
  /** A test loss that is good enough. */
  target?: number;
  /** Seconds after which the loss must be below that at the start, or the run is given up. */
  patience?: number;
}

/** A training run as it was seen at some of its steps. */
export interface Course {
  steps: number[];
  /** Processor seconds that the steps took: on one thread, the time on a quiet machine. */
  seconds: number[];
  /** Wall-clock seconds of the same. */
  wall: number[];
  losses: number[];
  accuracies: number[];
  /** Losses on the digits held out, if there are such. */
  validation: number[];
  /** Whether a loss or a step was not finite. */
  diverged: boolean;
  /** Products with the curvature until then, where the method counts them. */
  products?: number[];
}

export const emptyCourse = (): Course => ({
  steps: [],
  seconds: [],
  wall: [],
  losses: [],
  accuracies: [],
  validation: [],
  diverged: false,
});

/** More than any run has: no two seeds go through batches in the same order. */
const EPOCHS = 1e5;

/** Steps between two evaluations, as a share of the steps so far. */
const SPACING = 0.2;

/** Trains from the weights of a seed; evaluation is not on the clock. */
export async function train(
  task: Task,
  make: () => Stepper | Learner,
  budget: Budget,
  seed = 1,
): Promise<Course> {
  const { model, batch } = task;
  const variables = variablesOf(model, seed);
  const list = Object.values(variables);
  const optimizer = make();
  const course = emptyCourse();
  let [steps, seconds, wall, due] = [0, 0, 0, 0];
  const look = async () => {
    const { loss, accuracy } = await judged(task, variables, task.test);
    if (!Number.isFinite(loss)) {
      course.diverged = true;
      return false;
    }
    course.steps.push(steps);
    course.seconds.push(seconds);
    course.wall.push(wall);
    course.losses.push(loss);
    course.accuracies.push(accuracy);
    if ('products' in optimizer)
      course.products = [...(course.products ?? []), optimizer.products!];
    if (task.validation) {
      course.validation.push((await judged(task, variables, task.validation)).loss);
    }
    due = Math.max(steps + 1, Math.ceil(steps * (1 + SPACING)));
    const hopeless = seconds > (budget.patience ?? Number.POSITIVE_INFINITY);
    if (hopeless && loss >= course.losses[0]!) return false;
    const target = budget.target ?? Number.NEGATIVE_INFINITY;
    return loss > target || (course.validation.at(-1) ?? loss) > target;
  };
  try {
    let goesOn = await look();
    for (let epoch = 0; goesOn; epoch++) {
      for (const { x, y } of exampleBatches(task.train, {
        size: batch,
        seed: EPOCHS * (seed - 1) + epoch,
      })) {
        try {
          const clock = startClock();
          const loss = lossOf(task, { x, y });
          if ('learn' in optimizer) await optimizer.learn(variables, { x, y }, loss);
          else optimizer.minimize(() => loss(variables), false, list);
          const { cpu, real } = clock();
          seconds += cpu;
          wall += real;
        } finally {
          tf.dispose([x, y]);
        }
        steps += 1;
        const over = seconds >= budget.seconds || steps >= budget.steps;
        if (steps >= due || over) goesOn = await look();
        if (over || !goesOn) {
          goesOn = false;
          break;
        }
      }
    }
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    course.diverged = true;
  } finally {
    optimizer.dispose();
    tf.dispose(list);
  }
  return course;
}

export function variablesOf(model: Model, seed: number): Record<string, tf.Variable> {
  const initial = model.init(seed);
  const variables: Record<string, tf.Variable> = {};
  for (const [name, value] of Object.entries(initial)) {
    variables[name] = tf.variable(value, true, name);
  }
  tf.dispose(initial);
  return variables;
}

/** Starts measuring; returns a function that returns the processor and wall-clock seconds since then. */
export function startClock(): () => { cpu: number; real: number } {
  const [before, began] = [process.cpuUsage(), performance.now()];
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { cpu: (user + system) / 1e6, real: (performance.now() - began) / 1000 };
  };
}

/**
 * The step and the second at which a quantity first was at most `target`, linear in between two
 * evaluations; undefined if it never was.
 */
export function reached(
  { steps, seconds, ...course }: Course,
  target: number,
  on: 'losses' | 'validation' = 'losses',
): { steps: number; seconds: number } | undefined {
  const losses = course[on];
  const at = losses.findIndex((loss) => loss <= target);
  if (at < 0) return undefined;
  if (at === 0) return { steps: 0, seconds: 0 };
  const share = (losses[at - 1]! - target) / (losses[at - 1]! - losses[at]!);
  const between = (values: number[]) => values[at - 1]! + share * (values[at]! - values[at - 1]!);
  return { steps: between(steps), seconds: between(seconds) };
}
