import * as tf from '@tensorflow/tfjs';
import { restorer } from '../restorer';
import { engine, isolated, withOwnLists } from '../tape';

/** One kernel that ran: its inputs and outputs are tensors only in so far as they have an id. */
export interface Ran {
  kernel: string;
  inputs: readonly (readonly [name: string, tensor: tf.Tensor])[];
  attrs: tf.NamedAttrMap;
  outputs: readonly tf.Tensor[];
}

/** How kernels are traced by their shapes alone. */
export interface Sketch {
  /** Something of the shape that a kernel computes; undefined where the kernel has to run. */
  of(kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap): tf.Tensor | undefined;
  /** Is called where numbers are read nonetheless: they are not those of the leaves. */
  onRead(): void;
}

/** How many traces note what runs, one within the other. */
let running = 0;

/** Whether what runs now is noted. */
export const isTracing = (): boolean => running > 0;

/** All kernels that ran while it was running, in order, whether a tape saw them or not. */
export class Trace {
  readonly ran: Ran[] = [];
  /** Tensors that were made of numbers in the meantime, by their ids. */
  readonly made = new Map<number, ArrayLike<number>>();
  /** Tensors from outside and those that were made, as they were when first used, by their ids. */
  readonly retained = new Map<number, tf.Tensor>();
  /** Whether numbers of a tensor were read: what came after may depend on them. */
  read = false;
  /** Copies of tensors from outside, by their ids: what they are copies of. */
  readonly copies = new Map<number, number>();
  /** Whether a variable was used that is not a leaf. */
  sawVariable = false;
  /** While the loss runs: what no leaf decides comes from outside, however it was computed. */
  inLoss = true;
  readonly #leaves: readonly tf.Tensor[];
  #isAmbiguous = false;
  readonly #depends: Set<number>;
  /** Where the numbers of leaves and of what is retained were, by their ids. */
  readonly #places: Map<number, object>;
  #paused = false;
  /** Copies of what no leaf had decided, since the last kernel that a leaf did. */
  readonly #lastCopies: tf.Tensor[] = [];

  readonly #sketch: Sketch | undefined;

  /**
   * @param leaves what is handed over with each evaluation: nothing of them is retained
   * @param sketch where nobody asks for the numbers that it computes from them
   */
  constructor(leaves: readonly tf.Tensor[], sketch?: Sketch) {
    this.#sketch = sketch;
    this.#leaves = leaves;
    this.#depends = new Set(leaves.map(({ id }) => id));
    this.#places = new Map(leaves.map(({ id, dataId }) => [id, dataId]));
  }

  /**
   * Whether something got other numbers between two uses, as a variable that the loss assigns: one name, two
   * values. Those of a leaf are handed over as they are after the loss, which is a use of all leaves.
   */
  get hasChanged(): boolean {
    return (
      this.#isAmbiguous || this.#leaves.some(({ id, dataId }) => this.#places.get(id) !== dataId)
    );
  }

  /** A copy of what is used and not computed: who made it may dispose of it before the end. */
  #retain(x: tf.Tensor): void {
    const before = this.#places.get(x.id);
    this.#isAmbiguous ||= before !== undefined && before !== x.dataId;
    if (this.#depends.has(x.id) || this.retained.has(x.id)) return;
    this.#places.set(x.id, x.dataId);
    this.#paused = true;
    this.retained.set(
      x.id,
      isolated(() => tf.keep(x.clone())),
    );
    this.#paused = false;
  }

  /** Notes the copies of outputs that were saved for a gradient before the kernel had returned. */
  #addCopiesOf(outputs: readonly tf.Tensor[]): void {
    for (const copy of this.#lastCopies.splice(0)) {
      const copied = outputs.find(({ id }) => id === this.copies.get(copy.id));
      if (copied === undefined) continue;
      this.copies.delete(copy.id);
      this.#depends.add(copy.id);
      this.ran.push({ kernel: 'Identity', inputs: [['x', copied]], attrs: {}, outputs: [copy] });
    }
  }

  /** What a kernel gives; where it throws, which the loss may catch, its place is another's. */
  #result<T>(isNoted: boolean, at: number, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (isNoted) this.ran.splice(at, 1);
      throw error;
    }
  }

  /** Frees what was retained. */
  dispose(): void {
    tf.dispose([...this.retained.values()]);
    this.retained.clear();
  }

  /** Notes what `f` runs, in which no programs run: they are no kernels. */
  during<T>(f: () => T): T {
    running++;
    const e = engine();
    const restore = restorer(e, ['runKernel', 'makeTensor', 'readSync', 'moveData']);
    const { runKernel, makeTensor, readSync, moveData } = e;
    const trace = this;
    e.runKernel = function (kernel, inputs, givenAttrs = {}) {
      if (trace.#paused) return runKernel.call(this, kernel, inputs, givenAttrs);
      const attrs = withOwnLists(givenAttrs);
      const given = Object.entries(inputs).filter(([, x]) => x != null);
      trace.sawVariable ||= given.some(([, x]) => x instanceof tf.Variable);
      const depends = !trace.inLoss || given.some(([, { id }]) => trace.#depends.has(id));
      if (depends && trace.inLoss) for (const [, x] of given) trace.#retain(x);
      // In its place before it runs: copies of its outputs are saved before it returns.
      const at = depends ? trace.ran.push({ kernel, inputs: given, attrs, outputs: [] }) - 1 : 0;
      const run = () => runKernel.call(this, kernel, inputs, attrs);
      const sketch = depends ? trace.#sketch : undefined;
      const result = trace.#result(depends, at, () => sketch?.of(kernel, inputs, attrs) ?? run());
      // A returned list belongs to the caller, who may reorder it.
      const outputs = Array.isArray(result) ? [...(result as tf.Tensor[])] : [result];
      if (!depends) {
        if (kernel === 'Identity') {
          trace.copies.set(outputs[0]!.id, given[0]![1].id);
          trace.#lastCopies.push(outputs[0]!);
        }
        return result;
      }
      for (const { id } of outputs) trace.#depends.add(id);
      trace.ran[at] = { kernel, inputs: given, attrs, outputs };
      trace.#addCopiesOf(outputs);
      return result;
    };
    e.makeTensor = function (...args) {
      const made = makeTensor.apply(this, args);
      if (made.dtype in { float32: 0, int32: 0, bool: 0 })
        trace.made.set(made.id, args[0] as ArrayLike<number>);
      return made;
    };
    let isMoving = false;
    e.readSync = function (...args) {
      if (!isMoving) {
        trace.read = true;
        trace.#sketch?.onRead();
      }
      return readSync.apply(this, args);
    };
    // Data made on another backend are read by TensorFlow.js, not by the loss.
    e.moveData = function (...args) {
      isMoving = true;
      try {
        moveData.apply(this, args);
      } finally {
        isMoving = false;
      }
    };
    try {
      return f();
    } finally {
      running--;
      restore();
    }
  }
}

/** The copies of what came from outside. */
export const retainedOf = ({ retained }: Trace, outside: readonly tf.Tensor[]): tf.Tensor[] =>
  outside.map(({ id }) => retained.get(id)!);

/** Attributes as a word; numbers that JSON does not distinguish are told apart. */
function wordOf(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map(wordOf)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  let word = '';
  for (const [name, each] of Object.entries(value)) word += `${name}:${wordOf(each)},`;
  return `{${word}}`;
}

/**
 * The structure of a recording as a word, and the tensors from outside in the order of their first
 * use: two recordings with the same word differ in numbers only.
 */
export function structureOf(
  ran: readonly Ran[],
  leaves: readonly tf.Tensor[],
): { word: string; outside: tf.Tensor[] } {
  const places = new Map<number, number>();
  const place = (id: number) => {
    const known = places.get(id);
    if (known !== undefined) return known;
    places.set(id, places.size);
    return places.size - 1;
  };
  const words = leaves.map((leaf) => {
    place(leaf.id);
    return `${leaf.dtype}[${leaf.shape}]`;
  });
  const outside: tf.Tensor[] = [];
  for (const { kernel, inputs, attrs, outputs } of ran) {
    const from = inputs.map(([name, x]) => {
      if (places.has(x.id)) return `${name}:${place(x.id)}`;
      outside.push(x);
      return `${name}:${place(x.id)}=${x.dtype}[${x.shape}]`;
    });
    for (const { id } of outputs) place(id);
    words.push(`${kernel}(${from})${wordOf(attrs)}[${outputs[0]!.shape}]`);
  }
  return { word: words.join(';'), outside };
}
