import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { type Pausing, withoutPause } from '../event-loop';
import { quoted } from '../options';
import { type LinearOperator, type LowRankParts, mapTensors, type NamedTensors } from '../spaces';
import { checkFinite, checkLike } from './check';
import type { CurvatureKind } from './curvature-kind';
import type { Execution } from './execution';
import type { FlatProducts } from './flat/flat-products';
import { listed, named } from './named';
import { type Product, whileAlive } from './product';
import type { RowSpace } from './row-space';
import type { Tape } from './tape';

/**
 * A loss at a point: its value, its gradient, and its curvature as a symmetric linear operator.
 *
 * All three come from one evaluation, and the operator owns them: they go when it is disposed.
 * What `apply` returns belongs to the caller.
 */
export interface Curvature extends LinearOperator<NamedTensors> {
  readonly kind: CurvatureKind;
  /** Whether gradient and products are computed by a program. */
  readonly execution: Execution;
  readonly value: tf.Scalar;
  readonly gradient: NamedTensors;
  transpose(v: NamedTensors): NamedTensors;
  applyInPieces(v: NamedTensors): Pausing<NamedTensors>;
  /** Where the products are those of `Jᵀ S J` and nothing else, as Gauss–Newton's without a penalty. */
  readonly factors?: Factors;
  /** The factors of the part that passes the cuts, whatever is added to it; Gauss–Newton's alone has them. */
  readonly cut?: Factors;
  /**
   * The loss at the point and where its variables are later, both by programs, so that they are rounded alike;
   * what else it is computed from is as it was. Undefined where no program has it.
   */
  lossesTo?(variables: NamedTensors): LossesOnTheWay | undefined;
  /** The products on vectors in the backend's memory, where they are computed by programs. */
  readonly flat?: FlatProducts;
  /**
   * The same in fewer numbers, where the batch is small compared with a dense layer; else `undefined`.
   *
   * @param products of how many it is to pay for itself; default any number. The first call decides.
   */
  rowSpace(products?: number): RowSpace | undefined;
  /** The same, to be left for a while. */
  rowSpaceInPieces(products?: number): Pausing<RowSpace | undefined>;
}

/** A loss before and after its variables have moved. */
export interface LossesOnTheWay {
  before: number;
  after: number;
}

/** The factors of `Jᵀ S J`; what their products return belongs to the caller. */
export interface Factors {
  /** J v: the change of the network's output. */
  jvp(v: NamedTensors): NamedTensors;
  /** Jᵀ u. */
  vjp(u: NamedTensors): NamedTensors;
  /** S u, with S the Hessian of the loss with respect to the output. */
  middle(u: NamedTensors): NamedTensors;
  /** Zeros of the shape of the network's output, as u has it; owned by the curvature. */
  readonly outputs: NamedTensors;
}

/** What a recorded evaluation is made of, before its products have been planned. */
interface Parts {
  kind: CurvatureKind;
  tape: Tape;
  value: tf.Scalar;
  gradient: NamedTensors;
  /** The variables among which the products are taken. */
  block: NamedTensors;
  /** Plans the products, on the first one; the tape owns what is computed for them. */
  plan(): Pausing<Product>;
  /** Looks for the row space, when first asked. */
  rowSpace(products: number): Pausing<RowSpace | undefined>;
  factors?: Factors;
  cut?: Factors;
}

/** The operator that its parts make up. */
export function curvatureOf(parts: Parts): Curvature {
  const { kind, tape, value, gradient, block, plan, factors, cut } = parts;
  let rowSpace: { found: RowSpace | undefined } | undefined;
  let product: Product | undefined;
  const check = (v: NamedTensors) => {
    tape.checkAlive('curvature');
    checkLike(v, block, 'a direction');
  };
  function* planned(): Pausing<Product> {
    const made = product ?? (yield* tape.withinInPieces(plan()));
    // It may have been planned for others meanwhile.
    product ??= made;
    return product;
  }
  const apply = (v: NamedTensors) => {
    check(v);
    const { whole } = withoutPause(planned());
    return tf.tidy(() => named(block, whole(listed(block, v))));
  };
  function* inPieces(v: NamedTensors): Pausing<tf.Tensor[]> {
    const { inPieces } = yield* planned();
    return yield* inPieces(listed(block, v));
  }
  function* rowSpaceInPieces(products = Number.POSITIVE_INFINITY) {
    tape.checkAlive('curvature');
    if (rowSpace !== undefined) return rowSpace.found;
    const work = tape.withinInPieces(parts.rowSpace(products));
    const found = yield* whileAlive(tape, 'curvature', work);
    // It may have been found for others meanwhile.
    rowSpace ??= { found };
    return rowSpace.found;
  }
  return {
    kind,
    execution: 'interpreted',
    get value() {
      tape.checkAlive('curvature');
      return value;
    },
    get gradient() {
      tape.checkAlive('curvature');
      return gradient;
    },
    apply,
    transpose: apply,
    *applyInPieces(v) {
      check(v);
      return named(block, yield* whileAlive(tape, 'curvature', inPieces(v)));
    },
    rowSpace: (products) => withoutPause(rowSpaceInPieces(products)),
    rowSpaceInPieces,
    ...(factors && { factors, lowRank: lowRankOf(factors) }),
    ...(cut && { cut }),
    dispose: () => tape.dispose(),
  };
}

/** `JᵀSJ` as the low rank that `woodbury` with some damping makes use of. */
const lowRankOf = (factors: Factors): LowRankParts<NamedTensors, NamedTensors> => ({
  diagonal: 0,
  jvp: factors.jvp,
  vjp: factors.vjp,
  middle: factors.middle,
  get outputs() {
    return factors.outputs;
  },
});

/** @throws InputError unless every name of the block is a variable's, and there is one. */
export function blockOf(variables: NamedTensors, names: readonly string[]): NamedTensors {
  const unknown = names.find((name) => typeof name !== 'string' || !(name in variables));
  if (unknown === undefined && names.length > 0) {
    // In the order of the variables, so that a block of all is the whole.
    const inBlock = new Set(names);
    return Object.fromEntries(Object.entries(variables).filter(([name]) => inBlock.has(name)));
  }
  throw new InputError({
    given: unknown === undefined ? 'an empty block' : `${quoted(unknown)} in the block`,
    expected: `names among ${Object.keys(variables).join(', ')}`,
    remedy: 'Choose the block from the names of the variables.',
  });
}

/**
 * Records at copies of `x`, so that a function which also closes over the tensors of `x` sees
 * those as constants.
 *
 * @throws NotFiniteError for a loss of NaN or ±∞, where it can be read without waiting.
 */
export function atCopies(x: NamedTensors, record: (copies: NamedTensors) => Curvature): Curvature {
  const copies = mapTensors(x, (value) => value.clone());
  try {
    return finite(record(copies));
  } finally {
    tf.dispose(copies);
  }
}

/** The same, to be left for a while. */
export function* atCopiesInPieces(
  x: NamedTensors,
  record: (copies: NamedTensors) => Pausing<Curvature>,
): Pausing<Curvature> {
  const copies = mapTensors(x, (value) => tf.keep(value.clone()));
  try {
    return finite(yield* record(copies));
  } finally {
    tf.dispose(copies);
  }
}

function finite(curvature: Curvature): Curvature {
  try {
    checkFinite(curvature.value);
    return curvature;
  } catch (error) {
    curvature.dispose();
    throw error;
  }
}
