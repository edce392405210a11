import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { checkScalar } from '../check';
import { graph } from '../graph';
import type { Node } from '../node';
import { compile } from '../plan';
import { byGradients } from '../rules/reverse';
import { isolated, record, type Tape } from '../tape';
import { byRecipe, type Evaluation, onTape } from './evaluation';
import { counts, heapForPrograms, type Known, recall, recipes, remember } from './known-recipes';
import { keyOf, type Leaves } from './leaves';
import { lowered } from './lower';
import { Recipe } from './recipe';
import { checkPure, type Remembered } from './remembered';
import { structureOf, Trace } from './trace';
import { NotLowered } from './value';

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
