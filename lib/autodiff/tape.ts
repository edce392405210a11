import * as tf from '@tensorflow/tfjs';
import { inFewerKernels, isStockGradient } from '../backends';
import { type Engine, type TapeNode, engine as tfjsEngine } from '../backends/engine';
import { DisposedError } from '../errors';
import { inPortions, type Pausing, withoutPause } from '../event-loop';
import { chainedDisposed, disposedAmong } from './disposed';
import { fusedKernel, unfuse } from './fused';
import type { Node } from './node';
import { restorer } from './restorer';

interface RecordingEngine extends Engine {
  startTape(): void;
  endTape(): void;
}

export const engine = () => tfjsEngine() as RecordingEngine;

interface Disposable {
  dispose(): void;
}

/**
 * What was recorded of an evaluation, and everything it keeps alive.
 *
 * A tape recorded where no other tape was running belongs to itself. One recorded inside `tf.grad`,
 * or inside another recording, is a piece of the outer tape: the outer gradient can be taken
 * through it, and it lives as long as the outer one.
 */
export class Tape {
  #recorded: Node[] | undefined;
  #nodes: Node[] | undefined;
  #owned: Disposable[] = [];
  #outer: TapeNode[] | undefined;
  #start: number;

  constructor(outer: TapeNode[] | undefined, start: number) {
    this.#outer = outer;
    this.#start = start;
  }

  /** The operations in the order in which they ran, with fused ones taken apart. */
  get nodes(): readonly Node[] {
    return (
      this.#nodes ?? this.#soFar.flatMap((node) => (node.kind === 'fused' ? unfuse(node) : node))
    );
  }

  get #soFar(): Node[] {
    return this.#recorded ?? ((engine().state.activeTape ?? []).slice(this.#start) as Node[]);
  }

  /** Keeps a tensor, or a further tape, until this tape is disposed. */
  own<T extends Disposable>(thing: T): T {
    if (thing instanceof tf.Tensor) tf.keep(thing);
    this.#owned.push(thing);
    return thing;
  }

  /** Tensors computed when first asked for, outside any later tape, and kept. */
  constants(f: () => tf.Tensor[]): () => tf.Tensor[] {
    let values: tf.Tensor[] | undefined;
    return () => {
      values ??= this.within(() => tf.tidy(f)).map((value) => this.own(value));
      return values;
    };
  }

  /** Keeps a reference to the data of any tensor, also of one that other code disposes. */
  ownCopy<T extends tf.Tensor>(tensor: T): T {
    return this.own(tensor.clone() as T);
  }

  /**
   * Runs `f` as the recording was run: on the outer tape where there is one, else unrecorded.
   *
   * So what is computed later from the tape is a constant for every tape that did not record it.
   */
  within<T>(f: () => T): T {
    return this.#outer === undefined ? isolated(f) : f();
  }

  /** The same of work that can be left for a while. */
  *withinInPieces<T>(work: Pausing<T>): Pausing<T> {
    return yield* inPortions(work, (portion) => this.within(portion));
  }

  /** @throws DisposedError after `dispose`, or when the outer tape it is a piece of has ended. */
  checkAlive(what: string): void {
    const outerEnded = this.#outer !== undefined && engine().state.activeTape !== this.#outer;
    if (this.#recorded !== undefined && !outerEnded) return;
    throw new DisposedError({
      given: outerEnded
        ? `${what} recorded inside a gradient that has ended`
        : `a disposed ${what}`,
      expected: `a live ${what}`,
      remedy: outerEnded
        ? 'Use it inside the same gradient, or record it outside.'
        : 'Record again, or dispose later.',
    });
  }

  /** Closes the recording: no further operation is added. */
  close(): void {
    this.#recorded = this.#soFar;
    this.#nodes = [...this.nodes];
  }

  /** Drops what was recorded so far, after a failure. */
  discard(): void {
    if (this.#outer !== undefined) {
      for (const node of this.#soFar) tf.dispose(node.saved);
      this.#outer.length = this.#start;
    }
    this.dispose();
  }

  dispose(): void {
    for (const thing of this.#owned) thing.dispose();
    // The pieces of an outer tape are saved for the outer gradient, which frees them.
    if (this.#outer === undefined) for (const node of this.#soFar) tf.dispose(node.saved);
    this.#owned = [];
    this.#recorded = undefined;
    this.#nodes = [];
  }
}

/**
 * Runs `f` once and records every operation it makes.
 *
 * `f` gets the tape, so that it may look at the nodes so far, and decides what outlives it:
 * `tape.own(x)`. All else it made is disposed when it returns. Where it throws, nothing is left.
 */
export function record<T>(f: (tape: Tape) => T): { result: T; tape: Tape } {
  const { state } = engine();
  const nested = engine().isTapeOn();
  return nested
    ? runRecorded(new Tape(state.activeTape!, state.activeTape!.length), f)
    : isolated(() => runRecorded(new Tape(undefined, 0), f));
}

/**
 * The same of work that can be left for a while: what others compute meanwhile is not recorded.
 *
 * What `f` makes between two pauses is disposed at the second, unless `f` has kept it.
 *
 * @param around runs each portion of the work; default as it is
 */
export function* recordInPieces<T>(
  f: (tape: Tape) => Pausing<T>,
  around: <R>(portion: () => R) => R = (portion) => portion(),
): Pausing<{ result: T; tape: Tape }> {
  const nested = engine().isTapeOn();
  if (nested) return record((tape) => around(() => withoutPause(f(tape))));
  const tape = new Tape(undefined, 0);
  const recorded: TapeNode[] = [];
  let isClosed = false;
  const next = (portion: () => IteratorResult<void, T>) =>
    around(() =>
      onTape(recorded, () => {
        let turn: IteratorResult<void, T>;
        inFewerKernels(() =>
          tf.tidy(() => {
            turn = portion();
          }),
        );
        isClosed = turn!.done === true;
        if (isClosed) tape.close();
        return turn!;
      }),
    );
  try {
    return { result: yield* inPortions(f(tape), next), tape };
  } finally {
    if (!isClosed) onTape(recorded, () => tape.discard());
  }
}

/** Runs `f` while operations are added to a list of nodes. */
function onTape<T>(nodes: TapeNode[], f: () => T): T {
  return isolated(() => {
    const e = engine();
    e.startTape();
    e.state.activeTape = nodes;
    const forget = rememberAttributes(e);
    try {
      return f();
    } catch (error) {
      throw chainedDisposed(error);
    } finally {
      forget();
      e.endTape();
    }
  });
}

function runRecorded<T>(tape: Tape, f: (tape: Tape) => T): { result: T; tape: Tape } {
  const e = engine();
  e.startTape();
  const forget = rememberAttributes(e);
  try {
    let result: T;
    inFewerKernels(() =>
      tf.tidy(() => {
        result = f(tape);
      }),
    );
    tape.close();
    return { result: result!, tape };
  } catch (error) {
    tape.discard();
    throw chainedDisposed(error);
  } finally {
    forget();
    e.endTape();
  }
}

/**
 * Runs `f` unseen by any tape that is running, and puts the engine back as it was.
 *
 * Inside the forward function of a `tf.customGrad` TensorFlow.js cannot record (its kernel depth is
 * not 0), and inside the backward one a new tape would replace the running one.
 */
export function isolated<T>(f: () => T): T {
  const { state } = engine();
  const { gradientDepth, kernelDepth, activeTape } = state;
  Object.assign(state, { gradientDepth: 0, kernelDepth: 0 });
  try {
    return f();
  } finally {
    Object.assign(state, { gradientDepth, kernelDepth, activeTape });
  }
}

/**
 * Lets the engine note on each node its attributes and its kind while a tape runs.
 *
 * TensorFlow.js drops the attributes from the node and gives copies and custom gradients the name
 * of the scope they ran in; they differ in the gradient function that they carry.
 */
function rememberAttributes(e: RecordingEngine): () => void {
  const restore = restorer(e, ['addTapeNode', 'runKernel', 'customGrad']);
  const { addTapeNode, runKernel, customGrad } = e;
  let isStock = false;
  e.customGrad = function (f) {
    const run = customGrad.call(this, f);
    if (!isStockGradient('logSoftmax', f)) return run;
    return (...inputs) => {
      isStock = true;
      try {
        return run(...inputs);
      } finally {
        isStock = false;
      }
    };
  };
  /** Attributes of the last call of each kernel inside a custom gradient. */
  const inside = new Map<string, tf.NamedAttrMap>();
  e.runKernel = function (kernelName, inputs, givenAttrs = {}) {
    const attrs = withOwnLists(givenAttrs);
    if (this.state.kernelDepth > 0) inside.set(kernelName, attrs);
    try {
      return runKernel.call(this, kernelName, inputs, attrs);
    } catch (error) {
      throw (error instanceof TypeError && disposedAmong(kernelName, inputs)) || error;
    }
  };
  e.addTapeNode = function (name, inputs, outputs, gradient, saved, attrs) {
    addTapeNode.call(this, name, inputs, outputs, gradient, saved, attrs);
    const node = this.state.activeTape!.findLast((n) => n.outputs[0] === outputs[0]) as Node;
    const fused = inside.get(fusedKernel(name) ?? '');
    node.attrs = attrs ?? {};
    if (gradient == null) node.kind = 'kernel';
    else if ('x' in inputs) node.kind = 'clone';
    else if (fused?.activation === 'linear') Object.assign(node, { kind: 'fused', attrs: fused });
    else Object.assign(node, { kind: 'custom', isStock });
  };
  return restore;
}

/**
 * Attributes whose lists are copies: TensorFlow.js keeps the caller's, and its gradients read them
 * when the caller may have changed them, as the begin of a slice in a loop.
 */
export function withOwnLists(attrs: tf.NamedAttrMap): tf.NamedAttrMap {
  const isOwn = Object.values(attrs).every((value) => !Array.isArray(value));
  return isOwn
    ? attrs
    : Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, copied(value)]));
}

/** A list of lists, too. */
const copied = <T>(value: T): T =>
  Array.isArray(value) ? (value.map((each) => copied(each)) as T) : value;
