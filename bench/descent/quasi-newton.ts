import * as tf from '@tensorflow/tfjs';
import { lbfgs } from '../../course/experiments';
import { valueAndGradient } from '../../lib/autodiff';
import type { NamedTensors } from '../../lib/spaces';
import {
  type Budget,
  type Course,
  emptyCourse,
  judged,
  lossOf,
  startClock,
  type Task,
} from './train';

/** L-BFGS on all training examples; its steps are iterations. */
export async function quasiNewton(
  task: Task,
  seed: number,
  { seconds: limit, target = Number.NEGATIVE_INFINITY }: Pick<Budget, 'seconds' | 'target'>,
  memory = 10,
): Promise<Course> {
  const course = emptyCourse();
  const start = task.model.init(seed);
  let [seconds, steps, due] = [0, -1, 0];
  let clock = startClock();
  const look = async (x: NamedTensors) => {
    seconds += clock().cpu;
    steps += 1;
    if (steps >= due || seconds >= limit) {
      const test = await judged(task, x, task.test);
      course.steps.push(steps);
      course.seconds.push(seconds);
      course.wall.push(seconds);
      course.losses.push(test.loss);
      course.accuracies.push(test.accuracy);
      if (task.validation) {
        course.validation.push((await judged(task, x, task.validation)).loss);
      }
      due = Math.max(steps + 1, Math.ceil(1.1 * steps));
    }
    const isThere = [course.losses, course.validation].every(
      (losses) => (losses.at(-1) ?? target) <= target,
    );
    clock = startClock();
    return !isThere && seconds < limit;
  };
  await look(start);
  const of = lossOf(task, task.train);
  const loss = (x: NamedTensors) => tf.tidy(() => of(x));
  const objective = (x: NamedTensors) => {
    const { value, gradient } = valueAndGradient(loss, x);
    const number = value.dataSync()[0]!;
    value.dispose();
    return { value: number, gradient };
  };
  const end = await lbfgs(objective, start, { memory, watch: look, maxIterations: 1e6 });
  tf.dispose([start, end]);
  return course;
}
