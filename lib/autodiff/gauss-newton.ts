import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { type Pausing, withoutPause } from '../event-loop';
import { checkMethods, checkNoMore, checkNumericTensor } from '../options';
import type { NamedTensors } from '../spaces';
import { checkPoint, checkScalar } from './check';
import { atCopies, atCopiesInPieces, type Curvature, curvatureOf, type Factors } from './curvature';
import { deferredCurvature, isDeferring } from './deferred';
import { graph } from './graph';
import { madeOf } from './inside';
import { listed, named } from './named';
import { compile, compileInPieces } from './plan';
import { kept, type Product } from './product';
import type { Program } from './program';
import { recordOnTape } from './record-curvature';
import { type Recorder, recordedBy } from './recorder';
import { coordinatesOf, layersOf } from './row-space';
import { byGradients } from './rules/reverse';
import { always, type Select } from './select';
import { record, type Tape } from './tape';

/** A model cut between its network and its loss; `Z` is a list where it has several outputs. */
export interface CutModel<Z extends tf.Tensor | tf.Tensor[] = tf.Tensor> {
  /** The network: parameters to its output z (for a classifier the logits), or to all its outputs. */
  predict(x: NamedTensors): Z;
  /** The loss as a function of them; convex in them if the products are to be positive. */
  loss(z: Z): tf.Scalar;
}

/**
 * The Gauss–Newton approximation of a loss' Hessian at x, with the loss and its gradient.
 *
 * `apply(v)` = Jᵀ H J v, with J = ∂z/∂x and H = ∂²loss/∂z². Positive semidefinite where the loss is
 * convex in z, and equal to the Hessian where z is linear in x. One tape serves J, Jᵀ and H; a
 * product costs about one gradient. Of several outputs, such as those of `functional(model).applyAll`,
 * z is all of them. Like `hessian` it is synchronous.
 *
 * @throws as `hessian` does.
 * @see Schraudolph, [Fast curvature matrix-vector products for second-order gradient
 *   descent](https://doi.org/10.1162/08997660260028683), 2002.
 */
export function gaussNewton<Z extends tf.Tensor | tf.Tensor[]>(
  model: CutModel<Z>,
  x: NamedTensors,
): Curvature {
  checkNoMore('gaussNewton', arguments, 2);
  checkMethods(model, 'the model', ['predict', 'loss']);
  checkPoint(x, 'the point');
  const lossAt = (copies: NamedTensors) => () => model.loss(markAll(model.predict(copies)));
  if (isDeferring()) {
    const work = atCopiesInPieces(x, (copies) =>
      recordOnTape(gaussNewtonRecorder, lossAt(copies), always(copies)),
    );
    return deferredCurvature('gauss-newton', work);
  }
  return atCopies(x, (copies) => recordGaussNewton(lossAt(copies), always(copies)));
}

const markAll = <Z extends tf.Tensor | tf.Tensor[]>(z: Z): Z =>
  (Array.isArray(z) ? z.map(markOutput) : markOutput(z as tf.Tensor)) as Z;

let outputs: tf.Tensor[] | undefined;

/**
 * Marks a tensor inside a recorded loss as the output of the network, where Gauss–Newton cuts.
 *
 * Use its result in place of z. Outside a Gauss–Newton recording it returns z itself.
 *
 * @throws InputError or DisposedError for anything but a live tensor.
 */
export function markOutput<T extends tf.Tensor>(z: T): T {
  checkNoMore('markOutput', arguments, 1);
  checkNumericTensor(z, 'an output');
  if (outputs === undefined) return z;
  const output = z.clone() as T;
  outputs.push(output);
  return output;
}

/**
 * The gradient of f() with respect to all variables selected, and the Gauss–Newton block for some.
 *
 * Terms of the loss that do not pass through a marked output, such as a penalty on the weights,
 * count with their full Hessian: with loss = ℓ(z(x), x) the product is [J; I]ᵀ ∇²ℓ [J; I] v.
 */
export function recordGaussNewton(f: () => tf.Scalar, select: Select): Curvature {
  const { result, tape } = record((tape) =>
    withoutPause(recordedBy(gaussNewtonRecorder, tape, f, select)),
  );
  return onTape(tape, result);
}

/** The Jacobian of the cuts. */
const jacobian = (tape: Tape, from: tf.Tensor[], cuts: tf.Tensor[]) =>
  compile(graph(tape.nodes, from, cuts), tape);

interface Recorded {
  value: tf.Scalar;
  gradient: NamedTensors;
  /** The Jacobian of the cuts by the leaves, which are all that is selected. */
  J: Program;
  cuts: tf.Tensor[];
  leaves: tf.Tensor[];
  /** The derivatives of the loss by each of both. */
  byCuts: (tf.Tensor | undefined)[];
  byLeaves: (tf.Tensor | undefined)[];
  block: NamedTensors;
}

/** How Gauss–Newton is recorded: the loss with its cuts, then the derivatives by these and their Jacobian. */
export const gaussNewtonRecorder: Recorder<Recorded> = {
  kind: 'gauss-newton',
  start(tape, f, select) {
    const { loss, cuts } = collectOutputs(f);
    const value = tape.ownCopy(loss);
    return { loss, value, cuts, ...select(loss) };
  },
  *differentiate(tape, { loss, value, variables, block, cuts: marked }) {
    const cuts = [...marked];
    const leaves = Object.values(variables);
    const upper = graph(tape.nodes, [...cuts, ...leaves], [loss]);
    const partials = byGradients(upper, tape).pull([tf.ones([])]);
    for (const partial of partials) if (partial !== undefined) tape.own(partial);
    const [byCuts, byLeaves] = [partials.slice(0, cuts.length), partials.slice(cuts.length)];
    yield;
    const path = graph(tape.nodes, leaves, cuts);
    const J = yield* tape.withinInPieces(compileInPieces(path, tape));
    yield;
    // Not on the tape: curvature is made of J, and not of its products.
    const gradients = yield* tape.withinInPieces(gradientBy(tape, J, byCuts, byLeaves));
    const gradient = named(variables, gradients);
    return { value, gradient, J, cuts, byCuts, byLeaves, leaves, block };
  },
  onTape,
  products(tape, result) {
    const { cuts } = result;
    const { J, H, byBlock } = partsOf(tape, result);
    return {
      *whole(v) {
        const [jacobian, upper] = [J(), H()];
        yield;
        return yield* productBy(jacobian, upper, cuts.length).inPieces(v);
      },
      *rows(products) {
        const found = rowsOf(tape, result, byBlock, products);
        if (found === undefined) return undefined;
        const { coordinates, layers } = found;
        const rows = yield* compileInPieces(coordinates.pathTo(cuts), tape);
        const weighed = yield* compileInPieces(coordinates.pathTo(cuts, true), tape);
        const gradient = yield* gradientBy(tape, rows, result.byCuts, byBlock);
        const product = productBy(weighed, H(), cuts.length);
        return { layers, gradient, weighed: (v) => product.inPieces(v) };
      },
    };
  },
};

/** The gradient by a Jacobian of the cuts, with what of the loss does not pass them; the tape's. */
function* gradientBy(
  tape: Tape,
  J: Program,
  byCuts: Recorded['byCuts'],
  byBlock: Recorded['byLeaves'],
): Pausing<tf.Tensor[]> {
  const pulled = yield* J.pullInPieces(byCuts);
  const gradients = addEach(pulled, byBlock);
  for (const gradient of gradients) tape.own(gradient);
  tf.dispose(pulled.filter((part) => !gradients.includes(part)));
  return gradients;
}

/** What the products of the block are made of; J and the upper Hessian when they are first asked for. */
function partsOf(tape: Tape, { J: all, cuts, byCuts, byLeaves, leaves, block }: Recorded) {
  const inBlock = Object.values(block);
  const whole = inBlock.length === leaves.length;
  const byBlock = inBlock.map((leaf) => byLeaves[leaves.indexOf(leaf)]);
  return {
    inBlock,
    byBlock,
    J: once(() => tape.within(() => (whole ? all : jacobian(tape, inBlock, cuts)))),
    H: once(() => upperHessian(tape, [...cuts, ...inBlock], [...byCuts, ...byBlock])),
  };
}

/** `Jᵀ H J v` for the given number of cuts, with what of the loss does not pass them. */
const productBy = (J: Program, H: UpperHessian, cuts: number): Product => ({
  whole(v) {
    const curved = H([...J.pushDense(v), ...v]);
    return addEach(J.pullDense(curved.slice(0, cuts)), curved.slice(cuts));
  },
  *inPieces(v) {
    const held = new Set<tf.Tensor>();
    const hold = <T extends (tf.Tensor | undefined)[]>(made: T): T => {
      for (const x of made) if (x !== undefined) held.add(tf.keep(x));
      return made;
    };
    try {
      const pushed = hold(yield* J.pushInPieces(v));
      const curved = hold(H([...pushed, ...v]));
      const pulled = hold(yield* J.pullInPieces(curved.slice(0, cuts)));
      const sums = kept(() => addEach(pulled, curved.slice(cuts)));
      // Where nothing is added to it, a sum is what was pulled: the caller's from now on.
      for (const sum of sums) held.delete(sum);
      return sums;
    } finally {
      tf.dispose([...held]);
    }
  },
});

/** The row space of those layers whose parameters have no gradient but that by the cuts. */
function rowsOf(
  tape: Tape,
  { block, cuts }: Recorded,
  byBlock: readonly (tf.Tensor | undefined)[],
  products: number,
) {
  const found = layersOf(graph(tape.nodes, Object.values(block), cuts), products);
  const layers = found.map((layer, i) => (byBlock[i] === undefined ? layer : undefined));
  const coordinates = coordinatesOf(tape, block, layers);
  return coordinates && { coordinates, layers };
}

/** The Gauss–Newton block by what is on a tape. */
function onTape(tape: Tape, result: Recorded): Curvature {
  const { cuts, byCuts, block } = result;
  const { J, H, byBlock, inBlock } = partsOf(tape, result);
  const cut = factorsOf({ tape, J, block, cuts, byCuts });
  const G = curvatureOf({
    kind: 'gauss-newton',
    tape,
    value: result.value,
    gradient: result.gradient,
    block,
    *plan() {
      const jacobian = J();
      yield;
      return productBy(jacobian, H(), cuts.length);
    },
    *rowSpace(products) {
      const found = rowsOf(tape, result, byBlock, products);
      if (found === undefined) return undefined;
      const { coordinates } = found;
      yield;
      const rows = yield* compileInPieces(coordinates.pathTo(cuts), tape);
      const gradients = yield* gradientBy(tape, rows, byCuts, byBlock);
      return coordinates.curvature('gauss-newton', gradients, productBy(rows, H(), cuts.length));
    },
    cut,
    ...(byBlock.every((partial) => partial === undefined) && { factors: cut }),
  });
  return madeOf(G, () => ({
    product: 'J v, the first factor of Jᵀ S J v',
    tape,
    path: graph(tape.nodes, inBlock, cuts),
  }));
}

interface FactorParts {
  tape: Tape;
  J: () => Program;
  block: NamedTensors;
  cuts: tf.Tensor[];
  byCuts: (tf.Tensor | undefined)[];
}

function factorsOf({ tape, J, block, cuts, byCuts }: FactorParts): Factors {
  // Made when asked for: what was computed at a cut may be gone, and only its shape is needed.
  const zeros = once(() => {
    const like = cuts.map(({ shape }) => tape.own(tf.zeros(shape)));
    return Object.fromEntries(like.map((value, i) => [`output ${i}`, value]));
  });
  const H = once(() => tape.within(() => upperHessian(tape, cuts, byCuts)));
  const product = (f: () => NamedTensors) => {
    tape.checkAlive('curvature');
    return tf.tidy(f);
  };
  return {
    get outputs() {
      tape.checkAlive('curvature');
      return zeros();
    },
    jvp: (v) => product(() => named(zeros(), J().pushDense(listed(block, v)))),
    vjp: (u) => product(() => named(block, J().pullDense(listed(zeros(), u)))),
    middle: (u) =>
      product(() => {
        const products = H()(listed(zeros(), u));
        const dense = products.map((value, i) => value ?? tf.zeros(cuts[i]!.shape));
        return named(zeros(), dense);
      }),
  };
}

/** What f computes when first asked. */
function once<T>(f: () => T): () => T {
  let kept: { value: T } | undefined;
  return () => {
    kept ??= { value: f() };
    return kept.value;
  };
}

/** Runs f, noting the outputs it marks. */
function collectOutputs(f: () => tf.Scalar): { loss: tf.Scalar; cuts: tf.Tensor[] } {
  const surrounding = outputs;
  const cuts: tf.Tensor[] = [];
  outputs = cuts;
  try {
    const loss = f();
    checkScalar(loss);
    if (cuts.length > 0) return { loss, cuts };
  } finally {
    outputs = surrounding;
  }
  throw new InputError({
    given: 'a loss that marks no output of the network',
    expected: 'the cut between network and loss',
    remedy: 'Pass the output through `markOutput` (under compile: `withOutput`).',
  });
}

type UpperHessian = (v: tf.Tensor[]) => (tf.Tensor | undefined)[];

/** v ↦ ∇²ℓ v, from the leaves and the partial derivatives of ℓ by each; `undefined` where zero. */
function upperHessian(
  tape: Tape,
  leaves: tf.Tensor[],
  partials: (tf.Tensor | undefined)[],
): UpperHessian {
  const present = partials.filter((partial) => partial !== undefined);
  const program = compile(graph(tape.nodes, leaves, present), tape);
  return (v) => {
    const products = program.push(v);
    return partials.map((partial) => (partial === undefined ? undefined : products.shift()));
  };
}

/** The sums of two lists, where the second has gaps for zeros. */
const addEach = (a: tf.Tensor[], b: (tf.Tensor | undefined)[]): tf.Tensor[] =>
  a.map((value, i) => {
    const other = b[i];
    return other === undefined ? value : tf.add(value, other);
  });
