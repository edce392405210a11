import type * as tf from '@tensorflow/tfjs';
import type { FunctionName } from '../../backends/wasm/fused/expression';
import { byKernel } from './by-kernel';
import { computed, entriesView, entryOf, negative, times } from './entries';
import { checkFits } from './fit';
import { joined, padded, partOf, slicedFrom, splitFrom } from './parts';
import { product } from './products';
import { keptRows, logSoftmax, reducedRows, rowSums, shifted, sumOver } from './reductions';
import type { Ran, Trace } from './trace';
import { type Entries, NotLowered, type Operation, sizeOf, type Value, type View } from './value';

/** Tensors that are handed over with each evaluation, in order; those from `late` on are tangents. */
export interface Givens {
  tensors: readonly tf.Tensor[];
  late: number;
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** The tensors of a trace as views of values. */
export function lowered(trace: Trace, { tensors, late }: Givens): (tensor: tf.Tensor) => View {
  const views = new Map<number, View>();
  tensors.forEach((tensor, given) => {
    const { size, shape, id, dtype } = tensor;
    views.set(id, { value: { size, given, late: given >= late, dtype }, shape });
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
    const view = { value: constant(numbers, tensor), shape: tensor.shape };
    views.set(tensor.id, view);
    return view;
  };
  const put = (tensor: tf.Tensor, view: View) => views.set(tensor.id, view);
  for (const ran of trace.ran) {
    const whole = () => putAll(ran.outputs, byKernel(ran, viewOf), put);
    unlessLowered(
      () => lower(ran, viewOf, put),
      () =>
        unlessLowered(whole, (failed) => {
          // It counts only where its result does.
          for (const { id, size, shape } of ran.outputs) {
            views.set(id, { value: { size, late: false, failed }, shape });
          }
        }),
    );
  }
  return viewOf;
}

/** Does something else where f throws NotLowered, with its message. */
function unlessLowered(f: () => void, otherwise: (message: string) => void): void {
  try {
    f();
  } catch (error) {
    if (!(error instanceof NotLowered)) throw error;
    otherwise(error.message);
  }
}

/** A tensor made of numbers while the structure was traced: the same each time. */
function constant(numbers: ArrayLike<number>, { size, dtype }: tf.Tensor): Value {
  if (dtype === 'int32') return { size, dtype, constant: Int32Array.from(numbers), late: false };
  if (dtype === 'bool') return { size, dtype, constant: Uint8Array.from(numbers), late: false };
  const constant = Float32Array.from(numbers);
  const [first = 0] = constant;
  const isUniform = constant.every((value) => Object.is(value, first));
  return isUniform ? { size, uniform: first, late: false } : { size, constant, late: false };
}

type Put = (tensor: tf.Tensor, view: View) => void;

function putAll(tensors: readonly tf.Tensor[], views: readonly View[], put: Put): void {
  for (const [i, tensor] of tensors.entries()) put(tensor, views[i]!);
}

function lower({ kernel, inputs, attrs, outputs }: Ran, ofAny: (x: tf.Tensor) => View, put: Put) {
  const [out] = outputs as [tf.Tensor];
  /** Loops read float32 alone. */
  const viewOf = (x: tf.Tensor) => {
    const view = ofAny(x);
    const { dtype = 'float32' } = view.value;
    if (dtype !== 'float32') throw new NotLowered(`${kernel} of ${dtype}`);
    return view;
  };
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
  const entries = (whole: Entries) => {
    // Truth values are numbers here.
    if (out.dtype === 'int32') throw new NotLowered(`${kernel} of integers`);
    checkFits(whole, shape);
    put(out, entriesView(whole, shape));
  };
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
      return put(out, { value: ofAny(inputs[0]![1]).value, shape });
    case 'Cast': {
      if (attrs.dtype !== 'float32') throw new NotLowered('a cast');
      return put(out, { value: view('x').value, shape });
    }
    case 'LogicalAnd':
      return entries(f('multiply', entry('a'), entry('b')));
    case 'LogicalOr':
      return entries(f('maximum', entry('a'), entry('b')));
    case 'LogicalNot':
      return entries(f('subtract', n(1), entry('x')));
    case 'ZerosLike':
      return entries(n(0));
    case 'OnesLike':
      return entries(n(1));
    case 'Fill':
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
    case 'Slice':
    case 'SplitV': {
      const x = tensor('x');
      const pieces =
        kernel === 'Slice' ? [slicedFrom(x, attrs, out)] : splitFrom(x, attrs, outputs);
      const parts = pieces.map((from, i) => partOf(view('x'), from, outputs[i]!));
      return putAll(outputs, parts, put);
    }
    case 'Concat': {
      const nonempty = inputs.filter(([, x]) => x.size > 0);
      return put(
        out,
        joined(
          nonempty.map(([, x]) => viewOf(x)),
          attrs.axis as number,
          shape,
        ),
      );
    }
    case 'PadV2':
      return put(out, padded(view('x'), tensor('x').shape, attrs, shape));
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

const tilesOnes = (shape: readonly number[], reps: readonly number[]) =>
  reps.every((count, i) => count === 1 || shape[i] === 1);
