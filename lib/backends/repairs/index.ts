import * as tf from '@tensorflow/tfjs';
import { repairBroadcasting } from './broadcasting';
import { repairComparisons } from './comparisons';
import { repairLosses } from './losses';
import { repairTapeOrder } from './tape-order';

const done = Symbol.for('implicit-lab.repairs');

/**
 * Repairs what TensorFlow.js differentiates wrongly or not at all, on every backend, once.
 *
 * Each repair is listed with its cause in `lib/backends/README.md`.
 */
export function repairGradients(): void {
  const marked = tf.engine() as unknown as Record<symbol, boolean>;
  if (marked[done]) return;
  marked[done] = true;
  repairTapeOrder();
  repairComparisons();
  repairBroadcasting();
  repairLosses();
}
