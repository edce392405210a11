import { repairBatches } from '../../kernels/batches';
import { repairEinsumKernel } from '../../kernels/einsum';
import { repairLongSums } from '../../kernels/long-sums';
import { repairScans } from '../../kernels/scans';
import { repairStridedSlice } from '../../kernels/strided-slice';
import { refuseMisfits } from '../../kernels/windows';
import { shareArithmetic } from './arithmetic';
import { repairBiases } from './biases';
import { repairConvolutionKernels } from './convolutions';
import { addConvolutionsAt } from './convolutions-at';
import { repairCopies } from './copies';
import { addCrossEntropies } from './cross-entropies';
import { addDepthwiseDerivatives } from './depthwise';
import { repairDilation } from './dilation';
import { repairExtremes } from './extremes';
import { repairFunctions } from './functions';
import { guardKernels } from './guard';
import { heapStore } from './heap';
import { repairMatrixProducts } from './matrix-products';
import { addMultiplyAdd } from './multiply-add';
import { repairNotFinite } from './not-finite';
import { repairPools } from './pooling';
import { repairSamePadding } from './same-padding';
import { repairSegments } from './segments';
import { addSoftmaxDerivative } from './softmax';
import { repairSplits } from './splits';
import { repairSums } from './sums';
import { repairTanh } from './tanh';
import { repairTiles } from './tiles';
import { addVectorKernels } from './vectors';

let done = false;

/** Replaces the kernels of the wasm backend that are slow, missing or wrong, once. */
export function repairKernels(): void {
  if (done) return;
  done = true;
  repairCopies();
  repairMatrixProducts();
  repairBatches('wasm');
  repairStridedSlice('wasm');
  repairEinsumKernel('wasm');
  repairSegments();
  repairSplits();
  repairSums();
  repairBiases();
  shareArithmetic();
  repairExtremes();
  repairFunctions();
  repairTanh();
  repairTiles();
  repairPools();
  repairDilation();
  repairSamePadding();
  repairNotFinite();
  repairConvolutionKernels();
  addConvolutionsAt();
  addDepthwiseDerivatives();
  addCrossEntropies();
  addMultiplyAdd();
  addSoftmaxDerivative();
  addVectorKernels();
  guardKernels();
  // After the guard, which may hand the kernels to cpu.
  repairLongSums('wasm', heapStore);
  repairScans('wasm');
  refuseMisfits('wasm');
}
