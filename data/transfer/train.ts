import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { batches, type Digits, mnist, PIXELS } from 'implicit-lab-course';
import { softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { cnn, evaluate } from '../../lib/models';

const FILTERS = [8, 16] as const;
const CLASSES = 5;
const EPOCHS = 4;
const BATCH = 100;
const RATE = 2e-3;
const SEED = 1;
const TARGET = join(__dirname, '../../course/transfer/weights.ts');

/**
 * Trains a small CNN on the digits 0 to 4 and writes its filters to `course/transfer`.
 *
 * `npx tsx data/transfer/train.ts`
 */
async function main() {
  const report = await useBackend('wasm', { threads: 1 });
  console.log(`${report.name}, ${report.threads} thread, BLAS: ${report.blas ?? 'none'}`);
  const { train, test } = mnist();
  const [lessons, exam] = [train, test].map(lowerDigits) as [Digits, Digits];

  const model = cnn({ filters: FILTERS, classes: CLASSES });
  const variables: Record<string, tf.Variable> = {};
  for (const [name, value] of Object.entries(model.init(SEED))) {
    variables[name] = tf.variable(value, true, name);
  }
  const judged = tensorsOf(exam);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    // The rate is halved with every epoch: the last ones settle.
    const optimizer = tf.train.adam(RATE * 0.5 ** epoch);
    for (const batch of batches(lessons, { size: BATCH, seed: epoch })) {
      const { x, y } = tensorsOf(batch);
      optimizer.minimize(() => softmaxCrossEntropy(y, model.predict(variables, x)));
      tf.dispose([x, y]);
    }
    const { loss, accuracy } = await evaluate(model, variables, judged);
    console.log(`epoch ${epoch + 1}: test loss ${loss.toFixed(4)}, accuracy ${accuracy}`);
  }
  const { accuracy } = await evaluate(model, variables, judged);
  const filters = ['K1', 'c1', 'K2', 'c2'].map((name) => variables[name]!);
  writeFileSync(TARGET, await moduleOf(filters, accuracy));
  console.log(`wrote ${TARGET}`);
}

function lowerDigits({ images, labels }: Digits): Digits {
  const chosen = [...labels.keys()].filter((i) => labels[i]! < CLASSES);
  const result = new Float32Array(chosen.length * PIXELS);
  chosen.forEach((from, to) => {
    result.set(images.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  return {
    images: result,
    labels: Uint8Array.from(chosen, (i) => labels[i]!),
    count: chosen.length,
  };
}

function tensorsOf({ images, labels, count }: Digits) {
  return tf.tidy(() => ({
    x: tf.tensor2d(images, [count, PIXELS]),
    y: tf.cast(tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), CLASSES), 'float32'),
  }));
}

/** The filters as a TypeScript module: it is found wherever the library is bundled to. */
async function moduleOf(filters: tf.Variable[], accuracy: number): Promise<string> {
  const records = await Promise.all(
    filters.map(async (filter) => {
      const bytes = Buffer.from(((await filter.data()) as Float32Array).buffer);
      const lines = bytes.toString('base64').match(/.{1,96}/g)!;
      const text = lines.map((line) => `      '${line}'`).join(' +\n');
      return `  ${filter.name}: {\n    shape: [${filter.shape.join(', ')}],\n    base64:\n${text},\n  },\n`;
    }),
  );
  return `// Written by data/transfer/train.ts; see data/README.md. Little-endian float32.

/** Filters of a CNN that tells the digits 0 to 4 apart; ${(100 * accuracy).toFixed(2)} % of the test digits. */
export const weights: Record<string, { shape: number[]; base64: string }> = {
${records.join('')}};
`;
}

main();
