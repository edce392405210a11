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
export function* lowered(trace: Trace, givens: Givens): Pausing<(tensor: tf.Tensor) => View> {
  const lowering = new TraceLowering(trace, givens);
  yield* lowering.upTo(trace.ran.length);
  return lowering.viewOf;
}

/** The same as far as is asked for: what comes later in a trace can be left until it is needed. */
export class TraceLowering {
  readonly #ran: readonly Ran[];
  readonly #copies: Trace['copies'];
  readonly #made: Trace['made'];
  readonly #views = new Map<number, View>();
  #done = 0;

  constructor({ ran, copies, made }: Trace, { tensors, late }: Givens) {
    this.#ran = ran;
    this.#copies = copies;
    this.#made = made;
    tensors.forEach((tensor, given) => {
      const { size, shape, id, dtype } = tensor;
      this.#views.set(id, { value: { size, given, late: given >= late, dtype }, shape });
    });
  }

  /** Lowers the kernels before a place, to be left for a while. */
  *upTo(end: number): Pausing<void> {
    while (this.#done < end) {
      if (this.#done % AT_ONCE === 0) yield;
      // Whoever else asked for it may have gone on meanwhile.
      if (this.#done >= end) return;
      this.#lower(this.#ran[this.#done]!);
      this.#done++;
    }
  }

  #lower(ran: Ran): void {
    const failed = failureOf(new Lowering(ran, this.viewOf, (x, view) => this.#put(x, view)));
    // It counts only where its result does.
    if (failed !== undefined)
      for (const each of ran.outputs) this.#put(each, failedView(each, failed));
  }

  #put({ id }: tf.Tensor, view: View): void {
    this.#views.set(id, view);
  }

  readonly viewOf = (tensor: tf.Tensor): View => {
    const known = this.#views.get(tensor.id) ?? this.#viewOfCopy(tensor);
    if (known !== undefined) return known;
    const numbers = this.#made.get(tensor.id);
    if (numbers === undefined)
      throw new NotLowered(`a tensor [${tensor.shape}] of type ${tensor.dtype} from elsewhere`);
    const view = { value: constant(numbers, tensor), shape: tensor.shape };
    this.#views.set(tensor.id, view);
    return view;
  };

  /** Copies of what comes from outside are that itself. */
  #viewOfCopy({ id, shape }: tf.Tensor): View | undefined {
    let original = this.#copies.get(id);
    while (original !== undefined && !this.#views.has(original)) {
      original = this.#copies.get(original);
    }
    const found = original === undefined ? undefined : this.#views.get(original);
    return found && { value: found.value, shape };
  }

  /** Lets go of the numbers that tensors were made of, as those that are given with each evaluation. */
  forgetNumbers(more: readonly tf.Tensor[]): void {
    const see = (x: tf.Tensor) => {
      if (this.#made.has(x.id)) this.viewOf(x);
    };
    for (let i = this.#done; i < this.#ran.length; i++) {
      for (const [, x] of this.#ran[i]!.inputs) see(x);
    }
    more.forEach(see);
    this.#made.clear();
  }
}

const failedView = ({ size, shape }: tf.Tensor, failed: string): View => ({
  value: { size, late: false, failed },
  shape,
});

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
  toLoops(): void {
    const { kernel } = this.#ran;
    const binary = binaries[kernel];
    const unary = unaries[kernel];
    const formula = Lowering.#formulas[kernel];
    const rule = Lowering.#rules[kernel];
    if (formula !== undefined) this.#entries(formula(this));
    else if (rule !== undefined) rule(this);
    else if (binary !== undefined) this.#entries(f(binary, this.#entry('a'), this.#entry('b')));
    else if (unary !== undefined) this.#entries(f(unary, this.#entry('x')));
    else throw new NotLowered(kernel);
  }

  /** Kernels that compute each entry by a formula of entries. */
  static readonly #formulas: Readonly<Record<string, (it: Lowering) => Entries>> = {
    LogicalAnd: (it) => f('multiply', it.#entry('a'), it.#entry('b')),
    LogicalOr: (it) => f('maximum', it.#entry('a'), it.#entry('b')),
    LogicalNot: (it) => f('subtract', n(1), it.#entry('x')),
    ZerosLike: () => n(0),
    OnesLike: () => n(1),
    Fill: (it) => n(it.#ran.attrs.value as number),
    BroadcastTo: (it) => it.#entry('x'),
    Tile(it) {
      if (!tilesOnes(it.#tensor('x').shape, it.#ran.attrs.reps as number[])) {
        throw new NotLowered('a tile');
      }
      return it.#entry('x');
    },
    AddN: (it) => it.#ran.inputs.map(([name]) => it.#entry(name)).reduce((a, b) => f('add', a, b)),
    Step(it) {
      const x = it.#entry('x');
      const below = n((it.#ran.attrs.alpha as number) ?? 0);
      return f('choose', f('differ', x, x), x, f('choose', f('greater', x, n(0)), n(1), below));
    },
    Relu: (it) => f('maximum', it.#entry('x'), n(0)),
    Pow(it) {
      const exponent = it.#entry('b');
      if (exponent.kind !== 'number' || exponent.value !== 2) throw new NotLowered('a power');
      return f('multiply', it.#entry('a'), it.#entry('a'));
    },
    Square: (it) => f('multiply', it.#entry('x'), it.#entry('x')),
    Rsqrt: (it) => f('divide', n(1), f('root', it.#entry('x'))),
    Reciprocal: (it) => f('divide', n(1), it.#entry('x')),
    SquaredDifference(it) {
      const d = f('subtract', it.#entry('a'), it.#entry('b'));
      return f('multiply', d, d);
    },
    Select(it) {
      const [condition, t, e] = [it.#entry('condition'), it.#entry('t'), it.#entry('e')];
      if (!sameShape(it.#tensor('condition').shape, it.#out.shape)) {
        throw new NotLowered('a select');
      }
      return f('choose', condition, t, e);
    },
    MultiplyAdd: (it) =>
      f('add', it.#entry('addend'), f('multiply', it.#entry('a'), it.#entry('b'))),
    Softmax(it) {
      const { shape } = it.#out;
      const exps = entriesView(f('exponential', shifted(it.#view('logits'), shape)), shape);
      return f('divide', entryOf(exps), entryOf(keptRows(rowSums(exps), shape)));
    },
    SoftmaxDerivative(it) {
      const [s, v] = [it.#view('s'), it.#view('v')];
      const mean = keptRows(rowSums(times(s, v)), it.#out.shape);
      return f('multiply', entryOf(s), f('subtract', entryOf(v), entryOf(mean)));
    },
  };

  /** The others. */
  static readonly #rules: Readonly<Record<string, (it: Lowering) => void>> = {
    Identity: (it) => it.#rename(),
    Reshape: (it) => it.#rename(),
    ExpandDims: (it) => it.#rename(),
    Cast(it) {
      if (it.#ran.attrs.dtype !== 'float32') throw new NotLowered('a cast');
      it.#put(it.#out, { value: it.#view('x').value, shape: it.#out.shape });
    },
    Sum: (it) => it.#sum(),
    Mean: (it) => it.#sum(),
    Max(it) {
      const { attrs } = it.#ran;
      const { shape } = it.#out;
      it.#put(it.#out, reducedRows(it.#view('x'), it.#tensor('x').shape, attrs, shape));
    },
    Transpose: (it) => it.#transpose(),
    Slice(it) {
      it.#take([slicedFrom(it.#tensor('x'), it.#ran.attrs, it.#out)]);
    },
    SplitV(it) {
      it.#take(splitFrom(it.#tensor('x'), it.#ran.attrs, it.#ran.outputs));
    },
    Concat(it) {
      const { inputs, attrs } = it.#ran;
      const nonempty = inputs.filter(([, x]) => x.size > 0).map(([, x]) => it.#viewOf(x));
      it.#put(it.#out, joined(nonempty, attrs.axis as number, it.#out.shape));
    },
    PadV2(it) {
      const { shape } = it.#out;
      it.#put(it.#out, padded(it.#view('x'), it.#tensor('x').shape, it.#ran.attrs, shape));
    },
    BatchMatMul: (it) => it.#multiply(),
    _FusedMatMul: (it) => it.#multiply(),
    MatMulAdd: (it) => it.#multiply(),
    SoftmaxCrossEntropies(it) {
      const [y, z] = [it.#view('labels'), it.#view('logits')];
      const l = logSoftmax(z, it.#tensor('logits').shape);
      // A label of 0 counts as 0 where its logit is −∞ too.
      const terms = f('choose', entryOf(y), entryOf(times(y, l)), entryOf(y));
      it.#put(it.#out, negative(rowSums(entriesView(terms, y.shape))));
    },
    LogSoftmax(it) {
      it.#put(it.#out, logSoftmax(it.#view('logits'), it.#out.shape));
    },
  };

  get #out(): tf.Tensor {
    return this.#ran.outputs[0] as tf.Tensor;
  }

  /** The same numbers in another shape, of any type. */
  #rename(): void {
    const { value } = this.#ofAny(this.#ran.inputs[0]![1]);
    this.#put(this.#out, { value, shape: this.#out.shape });
  }

  #sum(): void {
    const { kernel, attrs } = this.#ran;
    const { shape } = this.#tensor('x');
    const isMean = kernel === 'Mean';
    this.#put(this.#out, sumOver(this.#view('x'), shape, attrs.axis, isMean, this.#out.shape));
  }

  #transpose(): void {
    const [rows, columns] = this.#tensor('x').shape;
    if (this.#tensor('x').rank !== 2) throw new NotLowered('a transpose');
    const of = this.#view('x');
    if (`${this.#ran.attrs.perm}` === '0,1') this.#put(this.#out, of);
    else this.#give({ kind: 'transpose', of, rows: rows!, columns: columns! }, [of]);
  }

  /** Parts of x, by where each comes from. */
  #take(pieces: ReturnType<typeof splitFrom>): void {
    const { outputs } = this.#ran;
    this.#putAll(pieces.map((from, i) => partOf(this.#view('x'), from, outputs[i]!)));
  }

  #multiply(): void {
    const { kernel, inputs, attrs } = this.#ran;
    const { shape } = this.#out;
    this.#put(
      this.#out,
      product(kernel, new Map(inputs), attrs, (x) => this.#viewOf(x), shape),
    );
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
