import * as tf from '@tensorflow/tfjs';
import {
  type Evaluation,
  evaluate,
  type ImplicitAdam,
  type ImplicitSGD,
  InputError,
  type Model,
  markOutput,
  NotFiniteError,
  softmaxCrossEntropy,
} from 'implicit-lab';
import {
  checkList,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  shown,
} from 'implicit-lab/support';
import type { FeatureExamples } from '../transfer';
import { processorSeconds } from './clock';

/** Where a run ends: at the first of these limits that a step reaches. */
export interface Budget {
  steps?: number;
  /** Examples that a gradient or a product ran through: see {@link Look.work}. */
  work?: number;
  /** Processor seconds of all steps. */
  seconds?: number;
}

/** What is trained, how, on what, and by what it is judged. */
export interface TrainingPlan {
  model: Model;
  /** Of the initial weights. */
  seed: number;
  make(): tf.Optimizer;
  /** One epoch of batches; each is disposed after its step. */
  epoch(number: number): Iterable<FeatureExamples>;
  budget: Budget;
  /** Sets to evaluate on, by name: `{ validation, test }`. */
  judges: Record<string, FeatureExamples>;
  /** How often it is evaluated in the course of its budget, the end included. Default 1. */
  looks?: number;
  /** Ends the run early. */
  enough?(look: Look): boolean;
}

/** A run as it was seen at one of its steps. */
export interface Look {
  steps: number;
  /** Examples that a batch held, all batches together. */
  examples: number;
  /**
   * Examples that a gradient or a product with the curvature ran through. For a fixed batch size,
   * `work / batch` is the number of gradients and products.
   */
  work: number;
  /** Processor seconds that the steps took; evaluation is not counted. */
  seconds: number;
  scores: Record<string, Evaluation>;
}

/** What a training run showed. */
export interface TrainingCourse {
  /** From the first look on to the last one whose losses are finite; empty if there is none. */
  looks: Look[];
  /** Whether a loss or a step was not finite, which ended the run. */
  diverged: boolean;
}

/**
 * Trains a model from the weights of a seed by the cross-entropy of its softmax, until the budget is
 * used up, and reports what it was like on the way.
 *
 * The weights are variables that are disposed at the end, as is the optimizer. An exact implicit step
 * is charged a gradient for each of its Newton steps and one more.
 *
 * @throws InputError for a part of the plan that is unknown or missing, a budget without a positive limit,
 *   or an epoch without a batch.
 */
export async function trainingCourse(plan: TrainingPlan): Promise<TrainingCourse> {
  checkNoMore('trainingCourse', arguments, 1);
  checkMethods(plan, 'the plan of trainingCourse', ['epoch', 'make']);
  checkOptionNames('the plan of trainingCourse', plan, PLAN);
  const { model, seed, epoch, budget, judges, looks = 1, enough = () => false } = plan;
  checkMethods(model, 'the model of trainingCourse', ['init', 'predict']);
  checkBudget(budget);
  checkRecord(judges, 'the judges of trainingCourse', 'sets of examples by name');
  const variables = variablesOf(model, seed);
  const optimizer = plan.make();
  const course: TrainingCourse = { looks: [], diverged: false };
  const spent = { steps: 0, examples: 0, work: 0, seconds: 0 };
  /** The share of the budget that is used up. */
  const share = () =>
    Math.max(
      spent.steps / (budget.steps ?? Number.POSITIVE_INFINITY),
      spent.work / (budget.work ?? Number.POSITIVE_INFINITY),
      spent.seconds / (budget.seconds ?? Number.POSITIVE_INFINITY),
    );
  let due = 1;
  try {
    for (let number = 0; ; number++) {
      const before = spent.steps;
      for (const batch of epoch(number)) {
        try {
          const began = processorSeconds();
          const gradients = await stepOn(model, variables, optimizer, batch);
          spent.seconds += processorSeconds() - began;
          const size = batch.x.shape[0];
          spent.steps += 1;
          spent.examples += size;
          spent.work += size * gradients;
        } finally {
          tf.dispose([batch.x, batch.y]);
        }
        // Rounding must not put off the last look.
        if (share() * looks < due - 1e-9) continue;
        due = Math.floor(share() * looks + 1e-9) + 1;
        const look: Look = { ...spent, scores: {} };
        for (const [name, judge] of Object.entries(judges)) {
          look.scores[name] = await evaluate(model, variables, judge);
        }
        if (!Object.values(look.scores).every(({ loss }) => Number.isFinite(loss))) {
          return { ...course, diverged: true };
        }
        course.looks.push(look);
        if (share() >= 1 || enough(look)) return course;
      }
      if (spent.steps === before) throw withoutBatch(number);
    }
  } catch (error) {
    // A step that would not be finite is refused: that is how a run of implicit steps diverges.
    if (!(error instanceof NotFiniteError)) throw error;
    return { ...course, diverged: true };
  } finally {
    optimizer.dispose();
    tf.dispose(variables);
  }
}

const PLAN = [
  ...['model', 'seed', 'make', 'epoch', 'budget', 'judges', 'looks', 'enough'],
] as const;

/** @throws InputError for a budget that is never used up. */
function checkBudget(budget: Budget): void {
  checkRecord(budget, 'the budget of trainingCourse', '{ steps, work, seconds }');
  checkOptionNames('the budget of trainingCourse', budget, ['steps', 'work', 'seconds']);
  const limits = Object.values(budget).filter((limit) => limit !== undefined);
  const odd = limits.find((limit) => !(Number.isFinite(limit) && limit > 0));
  if (limits.length > 0 && odd === undefined) return;
  throw new InputError({
    given: `a budget of trainingCourse ${odd === undefined ? 'without a limit' : `of ${shown(odd)}`}`,
    expected: 'positive, finite numbers { steps, work, seconds }, at least one of them',
    remedy: 'Without a limit the run would never end: { steps: 100 }, for example.',
  });
}

const withoutBatch = (number: number) =>
  new InputError({
    given: `epoch ${number} of trainingCourse without a batch`,
    expected: 'at least one batch in each epoch',
    remedy: 'Make a new generator in each call of epoch(number).',
  });

/** The loss on a judge's set at the end of a run; NaN if it diverged, or was not judged. */
export function endLoss(course: TrainingCourse, judge: string): number {
  checkNoMore('endLoss', arguments, 2);
  checkRecord(course, 'a course', 'what trainingCourse returns');
  const { looks, diverged } = course;
  checkList(looks, 'the looks of a course');
  const last = looks[looks.length - 1];
  return diverged || last === undefined ? Number.NaN : (last.scores[judge]?.loss ?? Number.NaN);
}

/** Fresh parameters of a model as variables that an optimizer can move; they belong to the caller. */
export function variablesOf(model: Model, seed: number): Record<string, tf.Variable> {
  checkNoMore('variablesOf', arguments, 2);
  checkMethods(model, 'the model', ['init']);
  const initial = model.init(seed);
  const variables: Record<string, tf.Variable> = {};
  for (const [name, value] of Object.entries(initial)) {
    variables[name] = tf.variable(value, true, name);
  }
  tf.dispose(initial);
  return variables;
}

/** One step; how many gradients and products it took. */
async function stepOn(
  model: Model,
  variables: Record<string, tf.Variable>,
  optimizer: tf.Optimizer,
  { x, y }: FeatureExamples,
): Promise<number> {
  const list = Object.values(variables);
  const loss = () => softmaxCrossEntropy(y, markOutput(model.predict(variables, x)));
  if (isImplicit(optimizer)) {
    const { products, iterations } = await optimizer.step(loss, list);
    const exact = 'exact' in optimizer.options && optimizer.options.exact === true;
    return products + (exact ? iterations + 1 : 1);
  }
  const cost = optimizer.minimize(loss, true, list)!;
  const [value] = await cost.data();
  cost.dispose();
  if (Number.isFinite(value)) return 1;
  throw new NotFiniteError({
    given: `a loss of ${value}`,
    expected: 'a finite number',
    remedy: 'Take a smaller learning rate.',
  });
}

/** By what it can do: `instanceof` takes every optimizer of TensorFlow.js for every other. */
const isImplicit = (optimizer: tf.Optimizer): optimizer is ImplicitSGD | ImplicitAdam =>
  'lastStep' in optimizer;
