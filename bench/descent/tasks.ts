import * as tf from '@tensorflow/tfjs';
import { type Digits, mnist, subset, toTensors } from '../../lib/datasets';
import { cnn, type FeatureExamples, mlp, rnn, transferFeatures } from '../../lib/models';
import type { Task } from './train';

/** A task of the study, with the test loss that is to be reached. */
export interface StudyTask extends Task {
  name: string;
  /** Nats. */
  target: number;
}

/** How a task is made; the tensors that it holds belong to the caller. */
interface Maker {
  name: string;
  make(): StudyTask;
}

const TRAIN = 10_000;
const TEST = 1_000;

/** The four tasks, made one at a time. */
export const studyTasks: Maker[] = [
  onDigits('MLP', {
    model: mlp({ sizes: [784, 32, 10], activation: 'relu' }),
    batch: 200,
    target: 0.4,
  }),
  onDigits('CNN', { model: cnn({ filters: [4, 8] }), batch: 100, target: 0.4 }),
  onDigits('RNN', { model: rnn({ hidden: 32 }), batch: 100, target: 1.4 }),
  {
    name: 'head',
    make: () => ({
      name: 'head',
      ...transferFeatures({ train: TRAIN, test: TEST }),
      model: mlp({ sizes: [784, 32, 5], activation: 'relu' }),
      batch: 200,
      target: 0.12,
    }),
  },
];

function onDigits(name: string, rest: Pick<StudyTask, 'model' | 'batch' | 'target'>): Maker {
  return {
    name,
    make() {
      const { train, test } = mnist();
      return { name, ...rest, train: drawn(train, TRAIN, 1), test: drawn(test, TEST, 2) };
    },
  };
}

const drawn = (digits: Digits, count: number, seed: number): FeatureExamples =>
  toTensors(subset(digits, count, seed));

export function disposeTask({ train, test }: Task): void {
  tf.dispose([train.x, train.y, test.x, test.y]);
}
