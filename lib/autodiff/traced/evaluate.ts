import * as tf from '@tensorflow/tfjs';
import { variable } from '#platform/environment';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { DisposedError } from '../../errors';
import { checkScalar } from '../check';
import { graph } from '../graph';
import type { Node } from '../node';
import { compile } from '../plan';
import { byGradients } from '../rules/reverse';
import { engine, isolated, record, type Tape } from '../tape';
import { lowered, NotLowered } from './lower';
import type { Kept } from './program';
import { type ProductKind, Recipe } from './recipe';
import { checkPure, type Remembered } from './remembered';
import { structureOf, Trace } from './trace';

/** How often what happened. */
export interface TracedCounts {
  /** Evaluations that a program was known for. */
  hits: number;
  /** Evaluations that were traced. */
  traced: number;
  /** Evaluations that run operation by operation, since something in them has no loop. */
  refused: number;
}

const counts: TracedCounts = { hits: 0, traced: 0, refused: 0 };

/** How many structures are remembered for one heap. */
const MOST = 128;
type Known = Map<string, Recipe | 'refused' | 'seen'>;
const recipes = new WeakMap<Heap, Known>();

/** Counts so far, and what they were made of. */
export const tracedCounts = (): Readonly<TracedCounts> => ({ ...counts });

/** Frees all programs; they are made again when they are needed. */
export function freePrograms(): void {
  const heap = heapNow();
  const known = heap && recipes.get(heap);
  if (known === undefined) return;
  for (const recipe of known.values()) if (recipe instanceof Recipe) recipe.drop();
  known.clear();
}

function heapNow(): Heap | undefined {
  return tf.getBackend() === 'wasm' ? (tf.backend() as Heap) : undefined;
}

/**
 * Where programs can run: wasm, unless `IMPLICIT_COMPILE` is 0, and no tape is running. What
 * `tf.profile` looks at runs kernel by kernel: it would not see those of a program.
 */
function heapForPrograms(): Heap | undefined {
  if (variable('IMPLICIT_COMPILE') === '0') return undefined;
  const { gradientDepth, kernelDepth, profiling } = engine().state;
  return gradientDepth === 0 && kernelDepth === 0 && !profiling ? heapNow() : undefined;
}

/** A loss at a point: its value, its gradient for some leaves, and products with its derivative. */
export interface Evaluation {
  readonly value: tf.Scalar;
  /** For the varied leaves; the caller's. */
  gradient(): tf.Tensor[];
  /** The product with tangents of all leaves (push) or cotangents of the gradient (pull); the caller's. */
  product(kind: ProductKind, vectors: readonly tf.Tensor[]): tf.Tensor[];
  /** The product on numbers in the backend's memory, by their addresses, where a program is known. */
  productAt?(kind: ProductKind, vectors: readonly number[], out: readonly number[]): void;
  /** Where no program is known: the recording, and the gradient on it if products were the purpose. */
  readonly recorded?: { tape: Tape; value: tf.Scalar; gradient: readonly tf.Tensor[] };
  /** @throws DisposedError after `dispose`. */
  checkAlive(what: string): void;
  dispose(): void;
}

/**
 * The programs of a pure loss on tensors of these names and shapes, where they are known and can run
 * now, and what the loss captures.
 */
export function knownPrograms(
  remembered: Remembered,
  { all, varied }: Leaves,
  names: string,
): { heap: Heap; recipe: Recipe; outside: readonly tf.Tensor[] } | undefined {
  const heap = heapForPrograms();
  return heap && remembered.find(heap, keyOf({ all, varied }, names));
}

const keyOf = ({ all, varied }: Leaves, names: string) =>
  `${varied} ${names} ${all.map(({ shape, dtype }) => `${dtype}[${shape}]`)}`;

/** What a loss is differentiated with respect to. */
export interface Leaves {
  all: readonly tf.Tensor[];
  /** Of how many of them, from the first on, the gradient is taken. */
  varied: number;
}

/**
 * Evaluates a loss, and differentiates it by a program where one is known for its structure.
 *
 * The loss is called once. Its structure are the kernels that it ran, their shapes and attributes,
 * and how they hang together; tensors from outside, captured or made in it, are handed to the program
 * with each evaluation. The second time that a structure comes, its gradient and products are traced.
 *
 * @param purpose whether products will be asked for, or the gradient alone
 * @param pure what remembers a loss that is a function of its leaves alone: it need not be called
 * @returns undefined where programs cannot run
 */
export function evaluateTraced(
  loss: () => tf.Scalar,
  leaves: Leaves,
  purpose: 'gradient' | 'products',
  pure?: { remembered: Remembered; names: string },
): Evaluation | undefined {
  const heap = heapForPrograms();
  if (heap === undefined) return undefined;
  const key = pure && keyOf(leaves, pure.names);
  const before = pure?.remembered.find(heap, key!);
  if (before !== undefined) {
    counts.hits++;
    const { recipe, outside } = before;
    const given = [...leaves.all, ...outside].map((x) => tf.keep(x.clone()));
    const [value, ...gradient] = recipe.program('value and gradient').run(given);
    for (const each of [value!, ...gradient]) tf.keep(each);
    return byRecipe(recipe, { value: value as tf.Scalar, gradient }, leaves, given);
  }
  const known: Known = recipes.get(heap) ?? new Map();
  recipes.set(heap, known);
  const trace = new Trace(leaves.all);
  const { result, tape } = tracing(trace, () =>
    record((tape) => {
      const computed = loss();
      checkScalar(computed);
      const value = tape.ownCopy(computed);
      trace.inLoss = false;
      if (pure !== undefined) checkPure(trace);
      const structure = structureOf(trace.ran, leaves.all);
      const word = `${leaves.varied} ${structure.word}`;
      const recipe = recall(known, word);
      if (recipe instanceof Recipe) {
        const outside = retained(trace, structure.outside);
        pure?.remembered.keep(heap, key!, recipe, outside);
        // Not the tape's: that can go, with all that it saved.
        const given = [...leaves.all, ...outside].map((x) => isolated(() => tf.keep(x.clone())));
        return { value, recipe, given };
      }
      if (recipe === 'refused' && purpose === 'gradient') return { value, computed };
      // Numbers that the loss reads come back as tensors from outside; those of a gradient do not.
      trace.read = false;
      const gradient = gradientOf(tape, computed, leaves);
      // What comes once only is not worth the tracing, unless more of it was announced.
      if (recipe === undefined && pure === undefined) remember(known, word, 'seen');
      else if (recipe !== 'refused') {
        const { outside } = structure;
        const found = traced(heap, trace, tape, { leaves, outside, gradient, value: computed });
        remember(known, word, found);
        if (found instanceof Recipe) {
          pure?.remembered.keep(heap, key!, found, retained(trace, outside));
        }
      }
      for (const g of gradient) tape.own(g);
      return { value, gradient };
    }),
  );
  if (result.recipe !== undefined) {
    counts.hits++;
    const value = isolated(() => tf.keep(result.value.clone()));
    tape.dispose();
    return byRecipe(result.recipe, { value }, leaves, result.given);
  }
  const { value, computed, gradient = unrecorded(tape, computed!, leaves) } = result;
  return onTape(tape, value, leaves, gradient);
}

/** The gradient where no product with its derivative is asked for. */
function unrecorded(tape: Tape, computed: tf.Scalar, leaves: Leaves): tf.Tensor[] {
  try {
    return tape.within(() =>
      tf.tidy(() => gradientOf(tape, computed, leaves)).map((g) => tape.own(g)),
    );
  } catch (error) {
    tape.dispose();
    throw error;
  }
}

/** The copies of what came from outside. */
const retained = (trace: Trace, outside: readonly tf.Tensor[]) =>
  outside.map(({ id }) => trace.retained.get(id)!);

/** Runs f traced, and frees what the trace has retained. */
function tracing<T>(trace: Trace, f: () => T): T {
  try {
    return trace.during(f);
  } finally {
    trace.dispose();
  }
}

function recall(known: Known, word: string) {
  const found = known.get(word);
  if (found === undefined) return undefined;
  known.delete(word);
  known.set(word, found);
  return found;
}

function remember(known: Known, word: string, recipe: Recipe | 'refused' | 'seen'): void {
  known.set(word, recipe);
  if (known.size <= MOST) return;
  // The one that was not used for longest.
  const [oldest, dropped] = known.entries().next().value!;
  known.delete(oldest);
  if (dropped instanceof Recipe) dropped.drop();
}

function gradientOf(tape: Tape, value: tf.Scalar, { all, varied }: Leaves): tf.Tensor[] {
  const path = graph(tape.nodes, all.slice(0, varied), [value]);
  return byGradients(path, tape).pullDense([tf.ones([])]);
}

interface Recorded {
  leaves: Leaves;
  outside: readonly tf.Tensor[];
  value: tf.Scalar;
  gradient: readonly tf.Tensor[];
}

/** Custom gradients of TensorFlow.js itself, by the scope they run in: they depend on tensors alone. */
const known = new Set(['logSoftmax__op']);

/** Traces the products too, with tangents of zeros, and takes all apart. */
function traced(
  heap: Heap,
  trace: Trace,
  tape: Tape,
  { leaves, outside, value, gradient }: Recorded,
): Recipe | 'refused' {
  counts.traced++;
  const { all, varied } = leaves;
  try {
    // What a custom gradient computes may depend on numbers that no kernel shows.
    const isOwn = ({ kind, kernelName }: Node) => kind !== 'custom' || known.has(kernelName);
    if (!tape.nodes.every(isOwn)) throw new NotLowered('a custom gradient');
    const tangents = all.map(({ shape }) => tf.zeros(shape));
    const cotangents = gradient.map(({ shape }) => tf.zeros(shape));
    const path = graph(tape.nodes, [...all], [...gradient]);
    const pushed = compile(path, tape).pushDense(tangents);
    const pulled = compile(path, tape).pullDense(cotangents);
    if (trace.read) throw new NotLowered('a gradient that reads numbers');
    const viewOf = lowered(trace, {
      tensors: [...all, ...outside, ...tangents, ...cotangents],
      late: all.length + outside.length,
    });
    const views = pulled.map(viewOf);
    return new Recipe(heap, {
      value: [viewOf(value)],
      gradient: gradient.map(viewOf),
      push: pushed.map(viewOf),
      pull: views,
      'pull to the varied': views.slice(0, varied),
      'pull to the rest': views.slice(varied),
    });
  } catch {
    // Whatever it is, as an operation without a second derivative: it is an error once it is asked for.
    counts.refused++;
    return 'refused';
  }
}

/** Operation by operation, as they were recorded. */
function onTape(
  tape: Tape,
  value: tf.Scalar,
  { all, varied }: Leaves,
  gradient: readonly tf.Tensor[],
): Evaluation {
  const programs = new Map<ProductKind, ReturnType<typeof compile>>();
  const leavesOf: Record<ProductKind, readonly tf.Tensor[]> = {
    push: all,
    pull: all,
    'pull to the varied': all.slice(0, varied),
    'pull to the rest': all.slice(varied),
  };
  return {
    value,
    recorded: { tape, value, gradient },
    gradient: () => gradient.map((g) => g.clone()),
    product(kind, vectors) {
      tape.checkAlive('evaluation');
      const known =
        programs.get(kind) ??
        tape.within(() => compile(graph(tape.nodes, [...leavesOf[kind]], [...gradient]), tape));
      programs.set(kind, known);
      return kind === 'push' ? known.pushDense(vectors) : known.pullDense(vectors);
    },
    checkAlive: (what) => tape.checkAlive(what),
    dispose: () => tape.dispose(),
  };
}

function byRecipe(
  recipe: Recipe,
  { value, gradient: known = [] }: { value: tf.Scalar; gradient?: readonly tf.Tensor[] },
  { all }: Leaves,
  given: readonly tf.Tensor[],
): Evaluation {
  recipe.retain();
  const halves = new Map<ProductKind, Kept>();
  const noTangents = all.map(() => undefined);
  const halfOf = (kind: ProductKind) => {
    const half = halves.get(kind) ?? recipe.program(kind).begin(given);
    halves.set(kind, half);
    return half;
  };
  const addressOf = (x: tf.Tensor) => heapNow()!.typedArrayFromHeap(x).byteOffset;
  let addresses: readonly number[] | undefined;
  let alive = true;
  const checkAlive = (what: string) => {
    if (alive) return;
    throw new DisposedError({
      given: `a disposed ${what}`,
      expected: `a live ${what}`,
      remedy: 'Record again, or dispose later.',
    });
  };
  return {
    value,
    gradient() {
      checkAlive('evaluation');
      if (known.length > 0) return known.map((g) => g.clone());
      return recipe.program('gradient').run(given);
    },
    product(kind, vectors) {
      checkAlive('evaluation');
      const vectorsInPlace = kind === 'push' ? vectors : [...noTangents, ...vectors];
      return recipe.program(kind).finish([...given, ...vectorsInPlace], halfOf(kind));
    },
    productAt(kind, vectors, out) {
      checkAlive('evaluation');
      const half = halfOf(kind);
      addresses ??= given.map(addressOf);
      const vectorsInPlace = kind === 'push' ? vectors : [...all.map(() => 0), ...vectors];
      recipe.program(kind).finishAt([...addresses, ...vectorsInPlace], addressOf(half.tensor), out);
    },
    checkAlive,
    dispose() {
      if (!alive) return;
      alive = false;
      for (const { tensor } of halves.values()) tensor.dispose();
      tf.dispose([value, ...known, ...given]);
      recipe.release();
    },
  };
}
