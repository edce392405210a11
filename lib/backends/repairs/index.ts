import { engine } from '../engine';
import { repairCpuKernels } from '../kernels/cpu';
import { repairActivations } from './activations';
import { repairBroadcasting } from './broadcasting';
import { repairConvolutions } from './convolutions';
import { repairDilation } from './dilation';
import { repairEinsum } from './einsum';
import { repairEntries } from './entries';
import { repairExampleWeights } from './example-weights';
import { repairImages } from './images';
import { repairIndexing } from './indexing';
import { repairIntegers } from './integers';
import { repairLosses } from './losses';
import { repairMagnitudes } from './magnitudes';
import { repairPooling } from './pooling';
import { repairPowers } from './powers';
import { repairQuotients } from './quotients';
import { repairReductions } from './reductions';
import { repairFailedTapes, repairTapeOrder } from './tape';

const done = Symbol.for('implicit-lab.repairs');

/**
 * Repairs what TensorFlow.js differentiates wrongly or not at all, on every backend, once.
 *
 * Each repair is listed with its cause in `lib/backends/README.md`.
 */
export function repairGradients(): void {
  const marked = engine();
  if (marked[done]) return;
  marked[done] = true;
  repairEntries();
  repairTapeOrder();
  repairFailedTapes();
  repairIntegers();
  repairBroadcasting();
  repairActivations();
  repairPowers();
  repairQuotients();
  repairMagnitudes();
  repairReductions();
  repairIndexing();
  repairEinsum();
  repairConvolutions();
  repairDilation();
  repairPooling();
  repairImages();
  repairLosses();
  repairExampleWeights();
  repairCpuKernels();
}
