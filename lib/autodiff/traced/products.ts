import type * as tf from '@tensorflow/tfjs';
import { computed, entriesView, entryOf, f } from './entries';
import { sumOver } from './reductions';
import { NotLowered, type Operation, sizeOf, type Value, type View } from './value';

/** A product of two matrices, either transposed first. */
export function productView(a: View, b: View, transposeA: boolean, transposeB: boolean): View {
  const [ra, ca] = a.shape.slice(-2) as [number, number];
  const [rb, cb] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [ca, ra] : [ra, ca];
  const n = transposeB ? rb : cb;
  if (m * n * k === 0) throw new NotLowered('an empty product');
  return { value: productOf({ a, b, transposeA, transposeB, m, n, k }), shape: [m, n] };
}

export function product(
  kernel: string,
  named: ReadonlyMap<string, tf.Tensor>,
  attrs: tf.NamedAttrMap,
  viewOf: (x: tf.Tensor) => View,
  shape: readonly number[],
): View {
  const [left, right] = [named.get('a')!, named.get('b')!];
  if (sizeOf(left.shape.slice(0, -2)) !== 1 || sizeOf(right.shape.slice(0, -2)) !== 1) {
    throw new NotLowered('a batch of products');
  }
  const {
    transposeA,
    transposeB,
    activation = 'linear',
  } = attrs as typeof attrs & {
    transposeA: boolean;
    transposeB: boolean;
    activation?: string;
  };
  const seen = (x: tf.Tensor): View => ({ value: viewOf(x).value, shape: x.shape });
  const multiplied = productView(seen(left), seen(right), transposeA, transposeB);
  const whole: View = { value: multiplied.value, shape };
  const added = named.get(kernel === 'MatMulAdd' ? 'addend' : 'bias');
  if (activation !== 'linear' && activation !== 'relu') throw new NotLowered(activation);
  if (named.get('preluActivationWeights')) throw new NotLowered('prelu');
  const sum =
    added === undefined ? entryOf(whole) : f('add', entryOf(whole), entryOf(viewOf(added)));
  return entriesView(
    activation === 'relu' ? f('maximum', sum, { kind: 'number', value: 0 }) : sum,
    shape,
  );
}

type Product = Omit<Extract<Operation, { kind: 'product' }>, 'kind'>;

/** With a vector it is a sum of what is multiplied entry by entry; of two vectors, that alone. */
function productOf(product: Product): Value {
  const { a, b, transposeA, transposeB, m, n, k } = product;
  if (k === 1) return entriesView(multiplied(a, [m, 1], b, [1, n]), [m, n]).value;
  const isVector = n === 1 || m === 1;
  if (!isVector) return computed({ kind: 'product', ...product }, [a, b], m * n);
  const [matrix, vector] = n === 1 ? [a, b] : [b, a];
  const size = n === 1 ? m : n;
  // Whether the sum runs along the rows of the matrix as it is in memory.
  const alongRows = n === 1 ? !transposeA : transposeB;
  const [rows, columns] = alongRows ? [size, k] : [k, size];
  const shape = [rows, columns];
  const of = entriesView(multiplied(matrix, shape, vector, alongRows ? [1, k] : [k, 1]), shape);
  return alongRows
    ? sumOver(of, shape, 1, false, [size]).value
    : sumOver(of, shape, 0, false, [size]).value;
}

const multiplied = (a: View, shapeA: readonly number[], b: View, shapeB: readonly number[]) =>
  f(
    'multiply',
    entryOf({ value: a.value, shape: shapeA }),
    entryOf({ value: b.value, shape: shapeB }),
  );
