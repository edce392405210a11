import { fuzzEveryFunction, type Recipe } from '../../lib/fuzz/every-function';
import * as course from '..';

const digits = () => ({ images: new Float32Array(2 * 784), labels: Uint8Array.of(1, 2), count: 2 });

const recipes: Record<string, Recipe> = {
  batches: () => [digits(), { size: 1, seed: 1 }],
  digitsOf: () => [digits(), [0]],
  pooled: () => [digits(), { side: 4 }],
  subset: () => [digits(), 1, 1],
};

/** What acts on the process, the page or the disk. */
const leftOut = [
  ...['check', 'hint', 'progressMap', 'todo', 'interact', 'publish', 'predict', 'mnist'],
  ...['transferFeatures', 'figure', 'figureBundle', 'processorSeconds', 'ionosphere'],
  ...['withStockTensorFlow'],
];

fuzzEveryFunction(course, { recipes, leftOut });
