import * as tf from '@tensorflow/tfjs';
import { computed, entriesView } from './entries';
import { NotLowered, sizeOf, type View } from './value';

/** From which number on a slice is in memory, where its numbers are one after the other. */
export function slicedFrom(x: tf.Tensor, { begin, size }: tf.NamedAttrMap, out: tf.Tensor): number {
  const [from = []] = tf.slice_util.parseSliceParams(x, begin as number[], size as number[]);
  const axis = out.shape.findIndex((length, i) => length !== x.shape[i]);
  if (axis < 0) return 0;
  checkWhole(x.shape, axis, 'a slice');
  if (out.shape.some((length, i) => i > axis && length !== x.shape[i])) {
    throw new NotLowered('a slice along several axes');
  }
  return from[axis]! * sizeOf(x.shape.slice(axis + 1));
}

/** The same for what a tensor is split into. */
export function splitFrom(
  x: tf.Tensor,
  { axis }: tf.NamedAttrMap,
  outputs: readonly tf.Tensor[],
): number[] {
  const [along] = tf.util.parseAxisParam(axis as number, x.shape);
  checkWhole(x.shape, along!, 'a split');
  let from = 0;
  return outputs.map(({ size }) => {
    from += size;
    return from - size;
  });
}

export function partOf(x: View, from: number, { shape, size }: tf.Tensor): View {
  const { uniform } = x.value;
  if (uniform !== undefined) return entriesView({ kind: 'number', value: uniform }, shape);
  if (size === x.value.size) return { value: x.value, shape };
  return { value: computed({ kind: 'part', of: x, from }, [x], size), shape };
}

/** Tensors one after the other, along an axis. */
export function joined(of: readonly View[], axis: number, shape: readonly number[]): View {
  const [along] = tf.util.parseAxisParam(axis, [...shape]);
  checkWhole(shape, along!, 'a concatenation');
  if (of.length === 0) throw new NotLowered('a concatenation of no entries');
  if (of.length === 1) return { value: of[0]!.value, shape };
  return { value: computed({ kind: 'joined', of }, of, sizeOf(shape)), shape };
}

/** A tensor with a number repeated before and after it. */
export function padded(
  x: View,
  own: readonly number[],
  { paddings, constantValue }: tf.NamedAttrMap,
  shape: readonly number[],
): View {
  // The type of attributes has no lists of pairs, which PadV2 takes.
  const pads = paddings as unknown as readonly (readonly [number, number])[];
  const axis = pads.findIndex(([before, after]) => before + after > 0);
  if (axis < 0) return { value: x.value, shape };
  if (pads.slice(axis + 1).some(([before, after]) => before + after > 0)) {
    throw new NotLowered('a padding of several axes');
  }
  const [before, after] = pads[axis]!.map((count) => count * sizeOf(own.slice(axis + 1)));
  const repeated = (size: number) =>
    size === 0 ? [] : [entriesView({ kind: 'number', value: constantValue as number }, [size])];
  return joined([...repeated(before!), x, ...repeated(after!)], axis, shape);
}

/** @throws NotLowered unless the axis is the first of more than one entry: else numbers lie apart. */
function checkWhole(shape: readonly number[], axis: number, what: string): void {
  if (sizeOf(shape.slice(0, axis)) !== 1) throw new NotLowered(`${what} of columns`);
}
