import type * as tf from '@tensorflow/tfjs';
import type { FunctionName } from '../../backends/wasm/fused/expression';
import type { Pausing } from '../../event-loop';
import { byKernel } from './by-kernel';
import { computed, entriesView, entryOf, f, negative, times } from './entries';
import { checkFits } from './fit';
import { joined, padded, partOf, slicedFrom, splitFrom } from './parts';
import { product } from './products';
import { keptRows, logSoftmax, reducedRows, rowSums, shifted, sumOver } from './reductions';
import type { Ran, Trace } from './trace';
import { type Entries, NotLowered, type Operation, type Value, type View } from './value';

/** Tensors that are handed over with each evaluation, in order; those from `late` on are tangents. */
export interface Givens {
  tensors: readonly tf.Tensor[];
  late: number;
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** How many operations are lowered between two pauses. */
const AT_ONCE = 16;

/** The tensors of a trace as views of values. */
export function* lowered(
  trace: Trace,
  { tensors, late }: Givens,
): Pausing<(tensor: tf.Tensor) => View> {
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
  for (const [i, ran] of trace.ran.entries()) {
    if (i % AT_ONCE === 0) yield;
    const failed = failureOf(new Lowering(ran, viewOf, put));
    if (failed === undefined) continue;
    // It counts only where its result does.
    for (const { id, size, shape } of ran.outputs) {
      views.set(id, { value: { size, late: false, failed }, shape });
    }
  }
  return viewOf;
}

/** Why a kernel has neither a loop nor a step of its own; undefined where it has one. */
function failureOf(lowering: Lowering): string | undefined {
  try {
    lowering.toLoops();
    return undefined;
  } catch (error) {
    if (!(error instanceof NotLowered)) throw error;
  }
  try {
    lowering.toItself();
    return undefined;
  } catch (error) {
    if (!(error instanceof NotLowered)) throw error;
    return error.message;
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

const n = (value: number): Entries => ({ kind: 'number', value });

/** One kernel that ran, and what becomes of it. */
class Lowering {
  readonly #ran: Ran;
  readonly #ofAny: (x: tf.Tensor) => View;
  readonly #put: Put;

  constructor(ran: Ran, ofAny: (x: tf.Tensor) => View, put: Put) {
    this.#ran = ran;
    this.#ofAny = ofAny;
    this.#put = put;
  }

  /** The kernel as it is, as one step. */
  toItself(): void {
    this.#putAll(byKernel(this.#ran, this.#ofAny));
  }

  #putAll(views: readonly View[]): void {
    this.#ran.outputs.forEach((tensor, i) => {
      this.#put(tensor, views[i]!);
    });
  }

  #tensor(name: string): tf.Tensor {
    const found = this.#ran.inputs.find(([each]) => each === name);
    if (found === undefined) throw new NotLowered(`${this.#ran.kernel} without ${name}`);
    return found[1];
  }

  /** Loops read float32 alone. */
  #viewOf(x: tf.Tensor): View {
    const view = this.#ofAny(x);
    const { dtype = 'float32' } = view.value;
    if (dtype !== 'float32') throw new NotLowered(`${this.#ran.kernel} of ${dtype}`);
    return view;
  }

  #view(name: string): View {
    return this.#viewOf(this.#tensor(name));
  }

  #entry(name: string): Entries {
    return entryOf(this.#view(name));
  }

  #give(operation: Operation, of: View[]): void {
    const [out] = this.#ran.outputs as [tf.Tensor];
    this.#put(out, { value: computed(operation, of, out.size), shape: out.shape });
  }

  #entries(whole: Entries): void {
    const [out] = this.#ran.outputs as [tf.Tensor];
    // Truth values are numbers here.
    if (out.dtype === 'int32') throw new NotLowered(`${this.#ran.kernel} of integers`);
    checkFits(whole, out.shape);
    this.#put(out, entriesView(whole, out.shape));
  }

  /** The kernel as loops, sums and matrix products. */
  toLoops() {
    const { kernel, inputs, attrs, outputs } = this.#ran;
    const [out] = outputs as [tf.Tensor];
    const { shape } = out;
    switch (kernel) {
      case 'Identity':
      case 'Reshape':
      case 'ExpandDims':
        return this.#put(out, { value: this.#ofAny(inputs[0]![1]).value, shape });
      case 'Cast': {
        if (attrs.dtype !== 'float32') throw new NotLowered('a cast');
        return this.#put(out, { value: this.#view('x').value, shape });
      }
      case 'LogicalAnd':
        return this.#entries(f('multiply', this.#entry('a'), this.#entry('b')));
      case 'LogicalOr':
        return this.#entries(f('maximum', this.#entry('a'), this.#entry('b')));
      case 'LogicalNot':
        return this.#entries(f('subtract', n(1), this.#entry('x')));
      case 'ZerosLike':
        return this.#entries(n(0));
      case 'OnesLike':
        return this.#entries(n(1));
      case 'Fill':
        return this.#entries(n(attrs.value as number));
      case 'Tile':
      case 'BroadcastTo':
        if (kernel === 'Tile' && !tilesOnes(this.#tensor('x').shape, attrs.reps as number[])) {
          throw new NotLowered('a tile');
        }
        return this.#entries(this.#entry('x'));
      case 'AddN':
        return this.#entries(
          inputs.map(([name]) => this.#entry(name)).reduce((a, b) => f('add', a, b)),
        );
      case 'Step': {
        const x = this.#entry('x');
        const step = f('choose', f('greater', x, n(0)), n(1), n((attrs.alpha as number) ?? 0));
        return this.#entries(f('choose', f('differ', x, x), x, step));
      }
      case 'Relu':
        return this.#entries(f('maximum', this.#entry('x'), n(0)));
      case 'Pow': {
        const exponent = this.#entry('b');
        if (exponent.kind !== 'number' || exponent.value !== 2) throw new NotLowered('a power');
        return this.#entries(f('multiply', this.#entry('a'), this.#entry('a')));
      }
      case 'Square':
        return this.#entries(f('multiply', this.#entry('x'), this.#entry('x')));
      case 'Rsqrt':
        return this.#entries(f('divide', n(1), f('root', this.#entry('x'))));
      case 'Reciprocal':
        return this.#entries(f('divide', n(1), this.#entry('x')));
      case 'SquaredDifference': {
        const d = f('subtract', this.#entry('a'), this.#entry('b'));
        return this.#entries(f('multiply', d, d));
      }
      case 'Select': {
        const [condition, t, e] = ['condition', 't', 'e'].map((name) => this.#entry(name)) as [
          Entries,
          Entries,
          Entries,
        ];
        if (!sameShape(this.#tensor('condition').shape, shape)) throw new NotLowered('a select');
        return this.#entries(f('choose', condition, t, e));
      }
      case 'MultiplyAdd':
        return this.#entries(
          f('add', this.#entry('addend'), f('multiply', this.#entry('a'), this.#entry('b'))),
        );
      case 'Sum':
      case 'Mean':
        return this.#put(
          out,
          sumOver(this.#view('x'), this.#tensor('x').shape, attrs.axis, kernel === 'Mean', shape),
        );
      case 'Max':
        return this.#put(out, reducedRows(this.#view('x'), this.#tensor('x').shape, attrs, shape));
      case 'Transpose': {
        const [rows, columns] = this.#tensor('x').shape;
        if (this.#tensor('x').rank !== 2) throw new NotLowered('a transpose');
        if (`${attrs.perm}` === '0,1') return this.#put(out, this.#view('x'));
        return this.#give(
          { kind: 'transpose', of: this.#view('x'), rows: rows!, columns: columns! },
          [this.#view('x')],
        );
      }
      case 'Slice':
      case 'SplitV': {
        const x = this.#tensor('x');
        const pieces =
          kernel === 'Slice' ? [slicedFrom(x, attrs, out)] : splitFrom(x, attrs, outputs);
        const parts = pieces.map((from, i) => partOf(this.#view('x'), from, outputs[i]!));
        return this.#putAll(parts);
      }
      case 'Concat': {
        const nonempty = inputs.filter(([, x]) => x.size > 0);
        return this.#put(
          out,
          joined(
            nonempty.map(([, x]) => this.#viewOf(x)),
            attrs.axis as number,
            shape,
          ),
        );
      }
      case 'PadV2':
        return this.#put(out, padded(this.#view('x'), this.#tensor('x').shape, attrs, shape));
      case 'BatchMatMul':
      case '_FusedMatMul':
      case 'MatMulAdd':
        return this.#put(
          out,
          product(kernel, new Map(inputs), attrs, (x) => this.#viewOf(x), shape),
        );
      case 'SoftmaxCrossEntropies': {
        const [y, z] = [this.#view('labels'), this.#view('logits')];
        const l = logSoftmax(z, this.#tensor('logits').shape);
        return this.#put(out, negative(rowSums(times(y, l))));
      }
      case 'LogSoftmax':
        return this.#put(out, logSoftmax(this.#view('logits'), shape));
      case 'Softmax': {
        const exps = entriesView(f('exponential', shifted(this.#view('logits'), shape)), shape);
        return this.#entries(f('divide', entryOf(exps), entryOf(keptRows(rowSums(exps), shape))));
      }
      case 'SoftmaxDerivative': {
        const [s, v] = [this.#view('s'), this.#view('v')];
        const mean = keptRows(rowSums(times(s, v)), shape);
        return this.#entries(f('multiply', entryOf(s), f('subtract', entryOf(v), entryOf(mean))));
      }
    }
    const binary = binaries[kernel];
    if (binary !== undefined) return this.#entries(f(binary, this.#entry('a'), this.#entry('b')));
    const unary = unaries[kernel];
    if (unary !== undefined) return this.#entries(f(unary, this.#entry('x')));
    throw new NotLowered(kernel);
  }
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
