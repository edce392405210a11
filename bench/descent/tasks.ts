import * as tf from '@tensorflow/tfjs';
import {
  type Digits,
  type FeatureExamples,
  mnist,
  subset,
  toTensors,
  transferFeatures,
} from 'implicit-lab-course';
import { cnn, mlp, rnn } from '../../lib/models';
import type { Task } from './train';

/** A task of the study, with the test loss that is to be reached. */
export interface StudyTask extends Task {
  name: string;
  /** Nats. */
  target: number;
  /** Of a dense network with relu, for K-FAC. */
  layers?: number;
}

/** How a task is made; the tensors that it holds belong to the caller. */
interface Maker {
  name: string;
  make(): StudyTask;
}

const TRAIN = 10_000;
const TEST = 1_000;
const HELD = 1_000;

/** The four tasks, made one at a time. */
export const studyTasks: Maker[] = [
  onDigits('MLP', {
    model: mlp({ sizes: [784, 32, 10], activation: 'relu' }),
    batch: 200,
    target: 0.4,
    layers: 2,
  }),
  onDigits('CNN', { model: cnn({ filters: [4, 8] }), batch: 100, target: 0.4 }),
  onDigits('RNN', { model: rnn({ hidden: 32 }), batch: 100, target: 1.4 }),
  {
    name: 'head',
    make: () => ({
      name: 'head',
      ...heldOut(transferFeatures({ train: TRAIN + HELD, test: TEST })),
      model: mlp({ sizes: [784, 32, 5], activation: 'relu' }),
      batch: 200,
      target: 0.12,
      layers: 2,
    }),
  },
];

function onDigits(
  name: string,
  rest: Pick<StudyTask, 'model' | 'batch' | 'target' | 'layers'>,
): Maker {
  return {
    name,
    make() {
      const { train, test } = mnist();
      const all = { train: drawn(train, TRAIN + HELD, 1), test: drawn(test, TEST, 2) };
      return { name, ...rest, ...heldOut(all) };
    },
  };
}

/** The last training examples as validation. */
function heldOut({ train, test }: { train: FeatureExamples; test: FeatureExamples }) {
  const rows = (from: number, count: number): FeatureExamples => ({
    x: tf.slice(train.x, [from, 0], [count, -1]),
    y: tf.slice(train.y, [from, 0], [count, -1]),
  });
  const parts = { train: rows(0, TRAIN), validation: rows(TRAIN, HELD), test };
  tf.dispose([train.x, train.y]);
  return parts;
}

const drawn = (digits: Digits, count: number, seed: number): FeatureExamples =>
  toTensors(subset(digits, count, seed));

export function disposeTask({ train, validation, test }: Task): void {
  for (const part of [train, validation, test]) if (part) tf.dispose([part.x, part.y]);
}
