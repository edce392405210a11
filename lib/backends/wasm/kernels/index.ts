import { repairEinsumKernel } from '../../kernels/einsum';
import { repairStridedSlice } from '../../kernels/strided-slice';
import { repairBiases } from './biases';
import { repairConvolutionKernels } from './convolutions';
import { repairCopies } from './copies';
import { addCrossEntropies } from './cross-entropies';
import { addDepthwiseDerivatives } from './depthwise';
import { repairDilation } from './dilation';
import { repairMatrixProducts } from './matrix-products';
import { addMultiplyAdd } from './multiply-add';
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
  repairStridedSlice('wasm');
  repairEinsumKernel('wasm');
  repairSegments();
  repairSplits();
  repairSums();
  repairBiases();
  repairTanh();
  repairTiles();
  repairPools();
  repairDilation();
  repairSamePadding();
  repairConvolutionKernels();
  addDepthwiseDerivatives();
  addCrossEntropies();
  addMultiplyAdd();
  addSoftmaxDerivative();
  addVectorKernels();
}
