import * as tf from '@tensorflow/tfjs';
import { computed, entriesView, entryOf, f } from './entries';
import {
  type Entries,
  NotLowered,
  type Operation,
  type Reduction,
  sizeOf,
  type View,
} from './value';

/** Rows of more are summed by the kernels of the backend, which add in float64. */
const MOST_ROWS = 4096;

export function sumOver(
  x: View,
  shape: readonly number[],
  axis: unknown,
  isMean: boolean,
  outShape: readonly number[],
): View {
  const axes = tf.util.parseAxisParam(axis as number[], [...shape]);
  const summed = axes.filter((i) => shape[i] !== 1);
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i) && shape[i] !== 1);
  const count = sizeOf(axes.map((i) => shape[i]!));
  if (count === 0 && isMean) throw new NotLowered('a mean of no entries');
  if (count === 0) return entriesView({ kind: 'number', value: 0 }, outShape);
  const of: View = { value: x.value, shape };
  const reduced = (how: Reduction, rows: number, columns: number, size: number): View => ({
    value: computed({ kind: 'reduce', how, of, rows, columns }, [of], size),
    shape: outShape,
  });
  const sum = (): View => {
    if (summed.length === 0) return { value: x.value, shape: outShape };
    if (kept.length === 0) return reduced('sum', 1, count, 1);
    const size = x.value.size / count;
    if (Math.min(...summed) > Math.max(...kept)) return reduced('row sums', size, count, size);
    if (Math.max(...summed) < Math.min(...kept) && count <= MOST_ROWS) {
      return reduced('column sums', count, size, size);
    }
    throw new NotLowered('a sum over axes in between');
  };
  if (x.value.uniform !== undefined) {
    const value = Math.fround(x.value.uniform * (isMean ? 1 : count));
    return entriesView({ kind: 'number', value }, outShape);
  }
  const total = sum();
  if (!isMean) return total;
  return entriesView(
    f('multiply', entryOf(total), { kind: 'number', value: Math.fround(1 / count) }),
    outShape,
  );
}

export function reducedRows(
  x: View,
  shape: readonly number[],
  { reductionIndices }: tf.NamedAttrMap,
  outShape: readonly number[],
): View {
  const axes = tf.util.parseAxisParam(reductionIndices as number[], [...shape]);
  if (`${axes}` !== `${shape.length - 1}`) throw new NotLowered('a maximum');
  return rowMaxima({ value: x.value, shape }, outShape);
}

function rowMaxima(x: View, outShape: readonly number[]): View {
  const columns = x.shape[x.shape.length - 1]!;
  const rows = x.value.size / columns;
  if (x.value.uniform !== undefined) {
    return entriesView({ kind: 'number', value: x.value.uniform }, outShape);
  }
  const by: Operation = { kind: 'reduce', how: 'row maxima', of: x, rows, columns };
  return { value: computed(by, [x], rows), shape: outShape };
}

export const rowSums = (x: View) =>
  sumOver(x, x.shape, x.shape.length - 1, false, x.shape.slice(0, -1));

export const keptRows = (x: View, shape: readonly number[]): View => ({
  value: x.value,
  shape: [...shape.slice(0, -1), 1],
});

/** z less the largest of its row. */
export function shifted(z: View, shape: readonly number[]): Entries {
  const whole = { value: z.value, shape };
  const largest = keptRows(rowMaxima(whole, shape.slice(0, -1)), shape);
  return f('subtract', entryOf(whole), entryOf(largest));
}

export function logSoftmax(z: View, shape: readonly number[]): View {
  const s = entriesView(shifted(z, shape), shape);
  const exps = entriesView(f('exponential', entryOf(s)), shape);
  const logs = entriesView(f('logarithm', entryOf(rowSums(exps))), shape.slice(0, -1));
  return entriesView(f('subtract', entryOf(s), entryOf(keptRows(logs, shape))), shape);
}
