import * as tf from '@tensorflow/tfjs';
import { systemMultiply } from '../../backends/wasm/blas';
import type { FunctionName } from '../../backends/wasm/fused/expression';
import type { Ran, Trace } from './trace';

/** Memory of so many numbers, and what puts them there. */
export interface Value {
  readonly size: number;
  /** What computes it; none for what is given from outside. */
  readonly by?: Operation;
  /** The number that all its entries are, where that is known. */
  readonly uniform?: number;
  /** Numbers that are the same in each evaluation. */
  readonly constant?: Float32Array;
  /** Given: a leaf, a tensor from outside, a tangent. */
  readonly given?: number;
  /** Whether it depends on a tangent. */
  readonly late: boolean;
  /** Why it cannot be computed, where it cannot. */
  readonly failed?: string;
}

/** A value seen in a shape. */
export interface View {
  value: Value;
  shape: readonly number[];
}

/** A function of entries, with views for its inputs. */
export type Entries =
  | { kind: 'view'; view: View }
  | { kind: 'number'; value: number }
  | { kind: 'apply'; name: FunctionName; of: readonly Entries[] };

export type Operation =
  | { kind: 'entries'; entries: Entries; shape: readonly number[] }
  | { kind: 'reduce'; how: Reduction; of: View; rows: number; columns: number }
  | {
      kind: 'product';
      a: View;
      b: View;
      transposeA: boolean;
      transposeB: boolean;
      m: number;
      n: number;
      k: number;
    }
  | { kind: 'transpose'; of: View; rows: number; columns: number };

export type Reduction = 'sum' | 'row sums' | 'row maxima' | 'column sums';

/** Thrown where a recording has something that is not lowered. */
export class NotLowered extends Error {}

/** Tensors that are handed over with each evaluation, in order; those from `late` on are tangents. */
export interface Givens {
  tensors: readonly tf.Tensor[];
  late: number;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** The tensors of a trace as views of values. */
export function lowered(trace: Trace, { tensors, late }: Givens): (tensor: tf.Tensor) => View {
  const views = new Map<number, View>();
  tensors.forEach((tensor, given) => {
    const { size, shape, id, dtype } = tensor;
    const isLate = given >= late;
    // Truth values and integers are not handed over: what is made of them is not lowered.
    if (dtype !== 'float32') return;
    views.set(id, { value: { size, given, late: isLate }, shape });
  });
  /** Copies of what comes from outside are that itself. */
  const viewOfCopy = ({ id, shape }: tf.Tensor): View | undefined => {
    let original = trace.copies.get(id);
    while (original !== undefined && !views.has(original)) original = trace.copies.get(original);
    const found = original === undefined ? undefined : views.get(original);
    return found && { value: found.value, shape };
  };
  const viewOf = (tensor: tf.Tensor): View => {
    const known = views.get(tensor.id) ?? viewOfCopy(tensor);
    if (known !== undefined) return known;
    const numbers = trace.made.get(tensor.id);
    if (numbers === undefined)
      throw new NotLowered(`a tensor [${tensor.shape}] of type ${tensor.dtype} from elsewhere`);
    const view = { value: constant(numbers, tensor.size), shape: tensor.shape };
    views.set(tensor.id, view);
    return view;
  };
  const put = (tensor: tf.Tensor, view: View) => views.set(tensor.id, view);
  for (const ran of trace.ran) {
    try {
      lower(ran, viewOf, put);
    } catch (error) {
      if (!(error instanceof NotLowered)) throw error;
      // It counts only where its result does.
      for (const out of ran.outputs) {
        const value = { size: out.size, late: false, failed: error.message };
        put(out, { value, shape: out.shape });
      }
    }
  }
  return viewOf;
}

/** A tensor made of numbers while the structure was traced: the same each time. */
function constant(numbers: ArrayLike<number>, size: number): Value {
  const constant = Float32Array.from(numbers);
  const [first = 0] = constant;
  const isUniform = constant.every((value) => Object.is(value, first));
  return isUniform ? { size, uniform: first, late: false } : { size, constant, late: false };
}

type Put = (tensor: tf.Tensor, view: View) => void;

function lower({ kernel, inputs, attrs, outputs }: Ran, viewOf: (x: tf.Tensor) => View, put: Put) {
  const [out] = outputs as [tf.Tensor];
  const { shape } = out;
  const named = new Map(inputs);
  const tensor = (name: string) => {
    const found = named.get(name);
    if (found === undefined) throw new NotLowered(`${kernel} without ${name}`);
    return found;
  };
  const view = (name: string) => viewOf(tensor(name));
  const entry = (name: string): Entries => entryOf(view(name));
  const give = (operation: Operation, of: View[], shape: readonly number[] = out.shape) => {
    put(out, { value: computed(operation, of, sizeOf(shape)), shape: out.shape });
  };
  const entries = (whole: Entries) => put(out, entriesView(whole, shape));
  const f = (name: FunctionName, ...of: Entries[]): Entries => ({
    kind: 'apply',
    name,
    of,
  });
  const n = (value: number): Entries => ({ kind: 'number', value });

  switch (kernel) {
    case 'Identity':
    case 'Reshape':
    case 'ExpandDims':
      return put(out, { value: view(inputs[0]![0]).value, shape });
    case 'Cast': {
      // Truth values are numbers here.
      if (attrs.dtype !== 'float32') throw new NotLowered('a cast');
      return put(out, { value: view('x').value, shape });
    }
    case 'ZerosLike':
      return entries(n(0));
    case 'OnesLike':
      return entries(n(1));
    case 'Fill':
      if (out.dtype !== 'float32') throw new NotLowered('a fill of integers');
      return entries(n(attrs.value as number));
    case 'Tile':
    case 'BroadcastTo':
      if (kernel === 'Tile' && !tilesOnes(tensor('x').shape, attrs.reps as number[])) {
        throw new NotLowered('a tile');
      }
      return entries(entry('x'));
    case 'AddN':
      return entries(inputs.map(([name]) => entry(name)).reduce((a, b) => f('add', a, b)));
    case 'Step': {
      const x = entry('x');
      const step = f('choose', f('greater', x, n(0)), n(1), n((attrs.alpha as number) ?? 0));
      return entries(f('choose', f('differ', x, x), x, step));
    }
    case 'Relu':
      return entries(f('maximum', entry('x'), n(0)));
    case 'Pow': {
      const exponent = entry('b');
      if (exponent.kind !== 'number' || exponent.value !== 2) throw new NotLowered('a power');
      return entries(f('multiply', entry('a'), entry('a')));
    }
    case 'Square':
      return entries(f('multiply', entry('x'), entry('x')));
    case 'Rsqrt':
      return entries(f('divide', n(1), f('root', entry('x'))));
    case 'Reciprocal':
      return entries(f('divide', n(1), entry('x')));
    case 'SquaredDifference': {
      const d = f('subtract', entry('a'), entry('b'));
      return entries(f('multiply', d, d));
    }
    case 'Select': {
      const [condition, t, e] = ['condition', 't', 'e'].map(entry) as [Entries, Entries, Entries];
      if (!sameShape(tensor('condition').shape, shape)) throw new NotLowered('a select');
      return entries(f('choose', condition, t, e));
    }
    case 'MultiplyAdd':
      return entries(f('add', entry('addend'), f('multiply', entry('a'), entry('b'))));
    case 'Sum':
    case 'Mean':
      return put(out, sumOver(view('x'), tensor('x').shape, attrs.axis, kernel === 'Mean', shape));
    case 'Max':
      return put(out, reducedRows(view('x'), tensor('x').shape, attrs, shape));
    case 'Transpose': {
      const [rows, columns] = tensor('x').shape;
      if (tensor('x').rank !== 2) throw new NotLowered('a transpose');
      if (`${attrs.perm}` === '0,1') return put(out, view('x'));
      return give({ kind: 'transpose', of: view('x'), rows: rows!, columns: columns! }, [
        view('x'),
      ]);
    }
    case 'BatchMatMul':
    case '_FusedMatMul':
    case 'MatMulAdd':
      return put(out, product(kernel, named, attrs, viewOf, shape));
    case 'SoftmaxCrossEntropies': {
      const [y, z] = [view('labels'), view('logits')];
      const l = logSoftmax(z, tensor('logits').shape);
      return put(out, negative(rowSums(times(y, l))));
    }
    case 'LogSoftmax':
      return put(out, logSoftmax(view('logits'), shape));
    case 'Softmax': {
      const exps = entriesView(f('exponential', shifted(view('logits'), shape)), shape);
      return entries(f('divide', entryOf(exps), entryOf(keptRows(rowSums(exps), shape))));
    }
    case 'SoftmaxDerivative': {
      const [s, v] = [view('s'), view('v')];
      const mean = keptRows(rowSums(times(s, v)), shape);
      return entries(f('multiply', entryOf(s), f('subtract', entryOf(v), entryOf(mean))));
    }
  }
  const binary = binaries[kernel];
  if (binary !== undefined) return entries(f(binary, entry('a'), entry('b')));
  const unary = unaries[kernel];
  if (unary !== undefined) return entries(f(unary, entry('x')));
  throw new NotLowered(kernel);
}

const binaries: Record<string, FunctionName> = {
  Add: 'add',
  Sub: 'subtract',
  Multiply: 'multiply',
  RealDiv: 'divide',
  Maximum: 'maximum',
  Minimum: 'minimum',
  Equal: 'equal',
  NotEqual: 'differ',
  Less: 'less',
  LessEqual: 'atMost',
  Greater: 'greater',
  GreaterEqual: 'atLeast',
};

const unaries: Record<string, FunctionName> = {
  Neg: 'negate',
  Exp: 'exponential',
  Log: 'logarithm',
  Sqrt: 'root',
  Abs: 'absolute',
  Tanh: 'tanh',
  Sigmoid: 'sigmoid',
  Softplus: 'softplus',
};

const entryOf = (view: View): Entries =>
  view.value.uniform !== undefined
    ? { kind: 'number', value: view.value.uniform }
    : { kind: 'view', view };

const tilesOnes = (shape: readonly number[], reps: readonly number[]) =>
  reps.every((count, i) => count === 1 || shape[i] === 1);

function computed(by: Operation, of: readonly View[], size: number): Value {
  return { size, by, late: of.some(({ value }) => value.late) };
}

/** A function of entries, simplified; a view where it is one already. */
function entriesView(whole: Entries, shape: readonly number[]): View {
  const entries = simplified(whole);
  const size = sizeOf(shape);
  if (entries.kind === 'number') {
    return { value: { size, uniform: entries.value, late: false }, shape };
  }
  if (entries.kind === 'view' && entries.view.value.size === size) {
    return { value: entries.view.value, shape };
  }
  return { value: computed({ kind: 'entries', entries, shape }, viewsIn(entries), size), shape };
}

export function viewsIn(entries: Entries): View[] {
  if (entries.kind === 'view') return [entries.view];
  return entries.kind === 'number' ? [] : entries.of.flatMap(viewsIn);
}

/** Without multiplications by 1 and additions of 0. */
function simplified(entries: Entries): Entries {
  if (entries.kind !== 'apply') return entries;
  const of = entries.of.map(simplified);
  const [a, b] = of;
  const is = (x: Entries | undefined, value: number) => x?.kind === 'number' && x.value === value;
  if (a?.kind === 'number' && (b === undefined || b.kind === 'number') && of.length < 3) {
    const value = evaluated(entries.name, a.value, b?.value);
    if (value !== undefined) return { kind: 'number', value };
  }
  if (entries.name === 'multiply' && is(a, 1)) return b!;
  if (entries.name === 'multiply' && is(b, 1)) return a!;
  if (entries.name === 'divide' && is(b, 1)) return a!;
  if (entries.name === 'add' && is(a, 0)) return b!;
  if ((entries.name === 'add' || entries.name === 'subtract') && is(b, 0)) return a!;
  return { ...entries, of };
}

/** Of numbers, as float32 has them; undefined where that is left to the loop. */
function evaluated(name: string, a: number, b?: number): number | undefined {
  const results: Record<string, number> =
    b === undefined
      ? { negate: -a, absolute: Math.abs(a), root: Math.sqrt(a) }
      : { add: a + b, subtract: a - b, multiply: a * b, divide: a / b };
  const value = results[name];
  return value === undefined ? undefined : Math.fround(value);
}

const f = (name: FunctionName, ...of: Entries[]): Entries => ({
  kind: 'apply',
  name,
  of,
});
const times = (a: View, b: View) => entriesView(f('multiply', entryOf(a), entryOf(b)), a.shape);
const negative = (a: View) => entriesView(f('negate', entryOf(a)), a.shape);

/** Rows of more are summed by the kernels of the backend, which add in float64. */
const MOST_ROWS = 4096;

function sumOver(
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

function reducedRows(
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

const rowSums = (x: View) => sumOver(x, x.shape, x.shape.length - 1, false, x.shape.slice(0, -1));
const keptRows = (x: View, shape: readonly number[]): View => ({
  value: x.value,
  shape: [...shape.slice(0, -1), 1],
});

/** z less the largest of its row. */
function shifted(z: View, shape: readonly number[]): Entries {
  const whole = { value: z.value, shape };
  const largest = keptRows(rowMaxima(whole, shape.slice(0, -1)), shape);
  return f('subtract', entryOf(whole), entryOf(largest));
}

function logSoftmax(z: View, shape: readonly number[]): View {
  const s = entriesView(shifted(z, shape), shape);
  const exps = entriesView(f('exponential', entryOf(s)), shape);
  const logs = entriesView(f('logarithm', entryOf(rowSums(exps))), shape.slice(0, -1));
  return entriesView(f('subtract', entryOf(s), entryOf(keptRows(logs, shape))), shape);
}

function product(
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
  } = attrs as unknown as {
    transposeA: boolean;
    transposeB: boolean;
    activation?: string;
  };
  const [ra, ca] = left.shape.slice(-2) as [number, number];
  const [rb, cb] = right.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [ca, ra] : [ra, ca];
  const n = transposeB ? rb : cb;
  if (m * n * k === 0) throw new NotLowered('an empty product');
  checkWithoutLibrary(m * n * k, k);
  const [a, b] = [viewOf(left), viewOf(right)];
  const whole: View = { value: productOf({ a, b, transposeA, transposeB, m, n, k }), shape };
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

/** Our own product adds up to so many terms in float32. */
export const MOST_TERMS = 4096;
/** From so many multiplications on, threads of the backend are faster than one. */
const MOST_ALONE = 2 ** 24;

/** @throws NotLowered for what the backend multiplies better than we do, where there is no library. */
function checkWithoutLibrary(multiplications: number, terms: number): void {
  if (systemMultiply() !== undefined) return;
  if (terms > MOST_TERMS) throw new NotLowered('a product with long sums');
  const hasThreads = tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT');
  if (hasThreads && multiplications > MOST_ALONE) throw new NotLowered('a product for threads');
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
  // Whether the sum runs along the rows of the matrix as it lies in memory.
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
