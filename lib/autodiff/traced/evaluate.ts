import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { checkScalar } from '../check';
import { graph } from '../graph';
import { compileInPieces } from '../plan';
import { byGradients } from '../rules/reverse';
import { isolated, record, recordInPieces, type Tape } from '../tape';
import { counts, making, makingInPieces } from './counts';
import { isTraceable } from './custom';
import { byRecipe, type Evaluation, evaluatedByRecipe, onTape } from './evaluation';
import { passInterrupt } from './interrupt';
import { heapForPrograms, knownOn, recall, remember } from './known-recipes';
import { keyOf, type Leaves } from './leaves';
import { TraceLowering } from './lower';
import { type ProductKind, Recipe } from './recipe';
import { checkPure, type Remembered } from './remembered';
import { retainedOf, structureOf, Trace } from './trace';
import { NotLowered } from './value';

/** What is to be evaluated. */
interface Asked {
  loss: () => tf.Scalar;
  leaves: Leaves;
  purpose: Purpose;
  pure: Pure | undefined;
}

/** Whether products will be asked for, of one kind where it is known, or the gradient alone. */
type Purpose = 'gradient' | 'products' | ProductKind;

const announcedBy = (purpose: Purpose): ProductKind | undefined =>
  purpose === 'gradient' || purpose === 'products' ? undefined : purpose;

/** What remembers a loss that is a function of its leaves alone: it need not be called. */
interface Pure {
  remembered: Remembered;
  names: string;
}

/** What was recorded of an evaluation: with a program for its structure, or operation by operation. */
interface Recorded {
  value: tf.Scalar;
  byProgram?: { recipe: Recipe; given: readonly tf.Tensor[] };
  /** Missing where no products will be asked for: it is not recorded then. */
  gradient?: readonly tf.Tensor[];
}

/**
 * Evaluates a loss, and differentiates it by a program where one is known for its structure.
 *
 * The loss is called once. Its structure are the kernels that it ran, their shapes and attributes,
 * and how they hang together; tensors from outside, captured or made in it, are handed to the program
 * with each evaluation. The second time that a structure comes, its gradient and products are traced.
 *
 * @returns undefined where programs cannot run
 */
export function evaluateTraced(
  loss: () => tf.Scalar,
  leaves: Leaves,
  purpose: Purpose,
  pure?: Pure,
): Evaluation | undefined {
  const heap = heapForPrograms();
  if (heap === undefined) return undefined;
  const asked = { loss, leaves, purpose, pure };
  const known = withoutPause(byMemory(heap, asked));
  if (known !== undefined) return known;
  const trace = new Trace(leaves.all);
  try {
    const { result, tape } = trace.during(() =>
      record((tape) => withoutPause(evaluate(heap, trace, tape, asked))),
    );
    return withoutPause(evaluationOf(result, tape, asked));
  } finally {
    trace.dispose();
  }
}

/**
 * The same, to be left for a while after the loss and within what follows it; also where no program
 * can run.
 */
export function* evaluateInPieces(
  loss: () => tf.Scalar,
  leaves: Leaves,
  purpose: Purpose,
  pure?: Pure,
): Pausing<Evaluation> {
  const heap = heapForPrograms();
  const asked = { loss, leaves, purpose, pure };
  if (heap === undefined) {
    const { result, tape } = yield* recordInPieces((tape) => untraced(tape, asked));
    return yield* evaluationOf(result, tape, asked);
  }
  const known = yield* byMemory(heap, asked);
  if (known !== undefined) return known;
  const trace = new Trace(leaves.all);
  try {
    const { result, tape } = yield* recordInPieces(
      (tape) => evaluate(heap, trace, tape, asked),
      (portion) => trace.during(portion),
    );
    return yield* evaluationOf(result, tape, asked);
  } finally {
    trace.dispose();
  }
}

/** By the program that a pure loss remembers; undefined of any other. */
function* byMemory(heap: Heap, { leaves, pure, purpose }: Asked): Pausing<Evaluation | undefined> {
  const before = pure?.remembered.find(heap, keyOf(leaves, pure.names));
  if (before === undefined) return undefined;
  const { recipe, captured } = before;
  const given = [...leaves.all, ...captured.tensors].map((x) => tf.keep(x.clone()));
  recipe.retain();
  try {
    if (yield* serves(recipe, purpose)) {
      counts.hits++;
      const point = { recipe, leaves, given, announced: announcedBy(purpose) };
      return yield* evaluatedByRecipe(point);
    }
  } catch (error) {
    tf.dispose(given);
    throw error;
  } finally {
    recipe.release();
  }
  tf.dispose(given);
  return undefined;
}

/** Whether a recipe has what is asked for; to be left for a while. */
function* serves(recipe: Recipe, purpose: Purpose): Pausing<boolean> {
  return purpose === 'gradient' || (yield* recipe.findProducts());
}

function* evaluate(
  heap: Heap,
  trace: Trace,
  tape: Tape,
  { loss, leaves, purpose, pure }: Asked,
): Pausing<Recorded & { computed: tf.Scalar }> {
  const known = knownOn(heap);
  const computed = loss();
  checkScalar(computed);
  const value = tape.ownCopy(computed);
  trace.inLoss = false;
  if (pure !== undefined) checkPure(trace);
  yield;
  const structure = structureOf(trace.ran, leaves.all);
  // A gradient of a user's own hides behind the kernels of another function.
  const word = `${isTraceable(tape) ? '' : 'custom '}${leaves.varied} ${structure.word}`;
  const remembers = (recipe: Recipe) =>
    pure?.remembered.keep(
      heap,
      keyOf(leaves, pure.names),
      recipe,
      retainedOf(trace, structure.outside),
    );
  // Where one tensor had two values no program tells them apart, whatever is known of the kernels.
  const found = trace.hasChanged ? 'refused' : recall(known, word);
  const isRefused = found instanceof Recipe && !(yield* serves(found, purpose));
  const recipe = isRefused ? 'refused' : found;
  if (recipe instanceof Recipe) {
    remembers(recipe);
    // Not the tape's: that can go, with all that it saved.
    const given = [...leaves.all, ...retainedOf(trace, structure.outside)].map((x) =>
      isolated(() => tf.keep(x.clone())),
    );
    return { value, computed, byProgram: { recipe, given } };
  }
  if (recipe === 'refused' && purpose === 'gradient') return { value, computed };
  // Numbers that the loss reads come back as tensors from outside; those of a gradient do not.
  trace.read = false;
  yield;
  const gradient = yield* gradientOf(tape, computed, leaves);
  for (const g of gradient) tape.own(g);
  // What comes once only is not worth the tracing, unless more of it was announced.
  if (recipe === undefined && pure === undefined) remember(known, word, 'seen');
  else if (recipe !== 'refused') {
    const { outside } = structure;
    const made = yield* traced(heap, trace, tape, { leaves, outside, gradient, value: computed });
    const isMade = made instanceof Recipe && (yield* serves(made, purpose));
    const recipe = isMade ? made : 'refused';
    remember(known, word, recipe);
    if (recipe instanceof Recipe) remembers(recipe);
  }
  return { value, computed, gradient };
}

/** The same where no program can run. */
function* untraced(
  tape: Tape,
  { loss, leaves, purpose }: Asked,
): Pausing<Recorded & { computed: tf.Scalar }> {
  const computed = loss();
  checkScalar(computed);
  const value = tape.ownCopy(computed);
  if (purpose === 'gradient') return { value, computed };
  yield;
  const gradient = yield* gradientOf(tape, computed, leaves);
  for (const g of gradient) tape.own(g);
  return { value, computed, gradient };
}

function* evaluationOf(
  { value, computed, byProgram, gradient }: Recorded & { computed: tf.Scalar },
  tape: Tape,
  { leaves, purpose }: Asked,
): Pausing<Evaluation> {
  if (byProgram !== undefined) {
    counts.hits++;
    const copy = isolated(() => tf.keep(value.clone()));
    tape.dispose();
    return byRecipe({ ...byProgram, leaves, announced: announcedBy(purpose) }, copy);
  }
  const found = gradient ?? (yield* unrecorded(tape, computed, leaves));
  return onTape(tape, value, leaves, found);
}

/** The gradient where no product with its derivative is asked for. */
function* unrecorded(tape: Tape, computed: tf.Scalar, leaves: Leaves): Pausing<tf.Tensor[]> {
  try {
    const gradient = yield* tape.withinInPieces(gradientOf(tape, computed, leaves));
    return gradient.map((g) => tape.own(g));
  } catch (error) {
    tape.dispose();
    throw error;
  }
}

/** The gradient for the varied leaves, kept. */
function* gradientOf(tape: Tape, value: tf.Scalar, { all, varied }: Leaves): Pausing<tf.Tensor[]> {
  const path = graph(tape.nodes, all.slice(0, varied), [value]);
  return yield* byGradients(path, tape).pullInPieces([tape.own(tf.ones([]))]);
}

interface Differentiated {
  leaves: Leaves;
  outside: readonly tf.Tensor[];
  value: tf.Scalar;
  gradient: readonly tf.Tensor[];
}

/** Traces the products too, with tangents of zeros; they are taken apart when they are needed. */
function* traced(
  heap: Heap,
  trace: Trace,
  tape: Tape,
  { leaves, outside, value, gradient }: Differentiated,
): Pausing<Recipe | 'refused'> {
  counts.traced++;
  const { all, varied } = leaves;
  const ofGradient = trace.ran.length;
  const held: tf.Tensor[] = [];
  const hold = (made: tf.Tensor[]) => {
    for (const x of made) held.push(tf.keep(x));
    return made;
  };
  try {
    if (!isTraceable(tape)) throw new NotLowered('a custom gradient');
    const tangents = hold(all.map(({ shape }) => tf.zeros(shape)));
    const cotangents = hold(gradient.map(({ shape }) => tf.zeros(shape)));
    const path = graph(tape.nodes, [...all], [...gradient]);
    yield;
    // As products run, on no tape: by the kernels that there are for products alone.
    const onNoTape = (work: Pausing<tf.Tensor[]>) => tape.withinInPieces(work);
    const forwards = yield* compileInPieces(path, tape);
    const pushed = hold(yield* onNoTape(forwards.pushInPieces(tangents)));
    yield;
    const backwards = yield* compileInPieces(path, tape);
    const pulled = hold(yield* onNoTape(backwards.pullInPieces(cotangents)));
    yield;
    if (trace.read) throw new NotLowered('a gradient that reads numbers');
    const lowering = new TraceLowering(trace, {
      tensors: [...all, ...outside, ...tangents, ...cotangents],
      late: all.length + outside.length,
    });
    yield* makingInPieces(lowering.upTo(ofGradient));
    const { viewOf } = lowering;
    const views = { value: [viewOf(value)], gradient: gradient.map(viewOf) };
    making(() => lowering.forgetNumbers([...pushed, ...pulled]));
    yield;
    const ofProducts = trace.ran.length;
    return yield* makingInPieces(
      Recipe.inPieces(heap, views, function* () {
        yield* lowering.upTo(ofProducts);
        const all = pulled.map(viewOf);
        return {
          push: pushed.map(viewOf),
          pull: all,
          'pull to the varied': all.slice(0, varied),
          'pull to the rest': all.slice(varied),
        };
      }),
    );
  } catch (error) {
    passInterrupt(error);
    // Whatever else it is, as an operation without a second derivative: it is an error once it is asked for.
    counts.refused++;
    return 'refused';
  } finally {
    tf.dispose(held);
  }
}
