import { type Call, replaceKernel } from '../../kernels/kernel';
import type { ToFilter, ToInput } from './convolutions-by-blas';
import { floats, type Heap, zeros } from './heap';
import { convolutionSpace, type Space } from './window';

/** Visits every product of a depthwise convolution: positions in x, in the filter and in y. */
function eachProduct(
  space: Space,
  multiplier: number,
  visit: (x: number, filter: number, y: number) => void,
): void {
  const { batch, channels, height, width } = space;
  for (let n = 0; n < batch; n++) {
    for (let h = 0; h < height.outputs; h++) {
      for (let w = 0; w < width.outputs; w++) {
        const out = ((n * height.outputs + h) * width.outputs + w) * channels * multiplier;
        for (let j = 0; j < height.size; j++) {
          const y = h * height.stride - height.before + j;
          if (y < 0 || y >= height.length) continue;
          for (let k = 0; k < width.size; k++) {
            const at = w * width.stride - width.before + k;
            if (at < 0 || at >= width.length) continue;
            const pixel = ((n * height.length + y) * width.length + at) * channels;
            const place = (j * width.size + k) * channels;
            for (let c = 0; c < channels; c++) {
              for (let m = 0; m < multiplier; m++) {
                visit(pixel + c, (place + c) * multiplier + m, out + c * multiplier + m);
              }
            }
          }
        }
      }
    }
  }
}

function depthwiseBackpropFilter({ inputs, attrs, backend }: Call<'x' | 'dy', ToFilter>) {
  const { x, dy } = inputs;
  const heap = backend as Heap;
  const { filterShape } = attrs;
  const out = zeros(heap, filterShape);
  const [from, slopes, result] = [x, dy, out].map((t) => floats(heap, t)) as Float32Array[];
  // A sum over all pixels of a batch, which float32 would spoil.
  const to = new Float64Array(result!.length);
  eachProduct(convolutionSpace(x.shape, filterShape, attrs, true), filterShape[3]!, (p, f, y) => {
    to[f]! += from![p]! * slopes![y]!;
  });
  result!.set(to);
  return out;
}

function depthwiseBackpropInput({ inputs, attrs, backend }: Call<'dy' | 'filter', ToInput>) {
  const heap = backend as Heap;
  const { dy, filter } = inputs;
  const { inputShape } = attrs;
  const out = zeros(heap, inputShape);
  const [weights, slopes, to] = [filter, dy, out].map((t) => floats(heap, t)) as Float32Array[];
  eachProduct(
    convolutionSpace(inputShape, filter.shape, attrs, true),
    filter.shape[3]!,
    (p, f, y) => {
      to![p]! += weights![f]! * slopes![y]!;
    },
  );
  return out;
}

/** The derivatives of depthwise convolutions, which are missing. */
export function addDepthwiseDerivatives(): void {
  replaceKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm', depthwiseBackpropFilter);
  replaceKernel('DepthwiseConv2dNativeBackpropInput', 'wasm', depthwiseBackpropInput);
}
