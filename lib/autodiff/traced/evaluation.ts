import * as tf from '@tensorflow/tfjs';
import { DisposedError } from '../../errors';
import { type Pausing, withoutPause } from '../../event-loop';
import { graph } from '../graph';
import { compileInPieces } from '../plan';
import { whileAlive } from '../product';
import type { Program } from '../program';
import type { Tape } from '../tape';
import { heapNow } from './known-recipes';
import type { Leaves } from './leaves';
import type { Begun, Kept } from './program';
import type { ProductKind, ProgramKind, Recipe } from './recipe';

/** A loss at a point: its value, its gradient for some leaves, and products with its derivative. */
export interface Evaluation {
  readonly value: tf.Scalar;
  /** For the varied leaves; the caller's. */
  gradient(): tf.Tensor[];
  /** The same, to be left for a while and kept. */
  gradientInPieces(): Pausing<tf.Tensor[]>;
  /** The product with tangents of all leaves (push) or cotangents of the gradient (pull); the caller's. */
  product(kind: ProductKind, vectors: readonly tf.Tensor[]): tf.Tensor[];
  /** The same, to be left for a while and kept. */
  productInPieces(kind: ProductKind, vectors: readonly tf.Tensor[]): Pausing<tf.Tensor[]>;
  /** The product on numbers in the backend's memory, by their addresses, where a program is known. */
  productAt?(kind: ProductKind, vectors: readonly number[], out: readonly number[]): void;
  /** Where no program is known: the recording, and the gradient on it if products were the purpose. */
  readonly recorded?: { tape: Tape; value: tf.Scalar; gradient: readonly tf.Tensor[] };
  /** @throws DisposedError after `dispose`. */
  checkAlive(what: string): void;
  dispose(): void;
}

/** Operation by operation, as they were recorded. */
export function onTape(
  tape: Tape,
  value: tf.Scalar,
  { all, varied }: Leaves,
  gradient: readonly tf.Tensor[],
): Evaluation {
  const programs = new Map<ProductKind, Program>();
  const leavesOf: Record<ProductKind, readonly tf.Tensor[]> = {
    push: all,
    pull: all,
    'pull to the varied': all.slice(0, varied),
    'pull to the rest': all.slice(varied),
  };
  function* planned(kind: ProductKind): Pausing<Program> {
    tape.checkAlive('evaluation');
    const known = programs.get(kind);
    if (known !== undefined) return known;
    const path = tape.within(() => graph(tape.nodes, [...leavesOf[kind]], [...gradient]));
    yield;
    const made = yield* tape.withinInPieces(compileInPieces(path, tape));
    // It may have been planned for others meanwhile.
    const first = programs.get(kind) ?? made;
    programs.set(kind, first);
    return first;
  }
  function* product(kind: ProductKind, vectors: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    const program = yield* planned(kind);
    return yield* kind === 'push' ? program.pushInPieces(vectors) : program.pullInPieces(vectors);
  }
  return {
    value,
    recorded: { tape, value, gradient },
    gradient: () => gradient.map((g) => g.clone()),
    *gradientInPieces() {
      return gradient.map((g) => tf.keep(g.clone()));
    },
    product(kind, vectors) {
      const program = withoutPause(planned(kind));
      return kind === 'push' ? program.pushDense(vectors) : program.pullDense(vectors);
    },
    *productInPieces(kind, vectors) {
      tape.checkAlive('evaluation');
      return yield* whileAlive(tape, 'evaluation', product(kind, vectors));
    },
    checkAlive: (what) => tape.checkAlive(what),
    dispose: () => tape.dispose(),
  };
}

/** The first halves of products that have run at one point. */
class Halves {
  readonly #recipe: Recipe;
  readonly #given: readonly tf.Tensor[];
  /** The kind whose first half gives the value and the gradient too. */
  readonly #announced: ProductKind | undefined;
  readonly #known = new Map<ProductKind, Kept>();

  constructor(recipe: Recipe, given: readonly tf.Tensor[], announced: ProductKind | undefined) {
    this.#recipe = recipe;
    this.#given = given;
    this.#announced = announced;
  }

  programOf(kind: ProductKind): ProgramKind {
    return kind === this.#announced ? `linearized ${kind}` : kind;
  }

  of(kind: ProductKind): Kept {
    const known = this.#known.get(kind);
    if (known !== undefined) return known;
    const { kept, outputs } = this.#recipe.program(this.programOf(kind)).begin(this.#given);
    tf.dispose(outputs);
    this.#known.set(kind, kept);
    return kept;
  }

  /** What was begun may have been begun again meanwhile. */
  *inPieces(kind: ProductKind): Pausing<Kept> {
    const known = this.#known.get(kind);
    if (known !== undefined) return known;
    const { kept, outputs } = yield* this.#begun(kind);
    tf.dispose(outputs);
    const half = this.#known.get(kind) ?? kept;
    if (half !== kept) kept.tensor.dispose();
    this.#known.set(kind, half);
    return half;
  }

  /** The value and the gradient, of the first half of what was announced. */
  *evaluated(kind: ProductKind): Pausing<tf.Tensor[]> {
    const { kept, outputs } = yield* this.#begun(kind);
    this.#known.get(kind)?.tensor.dispose();
    this.#known.set(kind, kept);
    return outputs;
  }

  *#begun(kind: ProductKind): Pausing<Begun> {
    const program = yield* this.#recipe.programInPieces(this.programOf(kind));
    return yield* program.beginInPieces(this.#given);
  }

  /** Addresses of all outputs of a program: of the second half, and none for those of the first. */
  placesOf(kind: ProductKind, out: readonly number[]): readonly number[] {
    const { first } = this.#recipe.program(this.programOf(kind));
    return first === 0 ? out : [...new Array<number>(first).fill(0), ...out];
  }

  /** The same of a loss whose value is known; undefined where nothing was announced or that half has run. */
  *gradientOf(): Pausing<tf.Tensor[] | undefined> {
    const kind = this.#announced;
    if (kind === undefined || this.#known.has(kind)) return undefined;
    const [value, ...gradient] = yield* this.evaluated(kind);
    value!.dispose();
    return gradient;
  }

  dispose(): void {
    for (const { tensor } of this.#known.values()) tensor.dispose();
  }
}

/** A loss whose programs are known, at the tensors that they are given; those are the evaluation's from now on. */
export interface AtPoint {
  recipe: Recipe;
  leaves: Leaves;
  given: readonly tf.Tensor[];
  /** The kind of products that will be asked for, where it is known. */
  announced: ProductKind | undefined;
}

/** The value and the gradient, and products later, of a loss that need not be called. */
export function* evaluatedByRecipe(point: AtPoint): Pausing<Evaluation> {
  const { recipe, given, announced } = point;
  const halves = new Halves(recipe, given, announced);
  recipe.retain();
  try {
    const [value, ...gradient] = (yield* announced === undefined
      ? (yield* recipe.programInPieces('value and gradient')).runInPieces(given)
      : halves.evaluated(announced)) as [tf.Scalar, ...tf.Tensor[]];
    return onPrograms(point, halves, { value, gradient });
  } catch (error) {
    halves.dispose();
    throw error;
  } finally {
    recipe.release();
  }
}

/** The same of a loss that has been called. */
export const byRecipe = (point: AtPoint, value: tf.Scalar): Evaluation =>
  onPrograms(point, new Halves(point.recipe, point.given, point.announced), { value });

function onPrograms(
  { recipe, leaves: { all }, given }: AtPoint,
  halves: Halves,
  { value, gradient = [] }: { value: tf.Scalar; gradient?: readonly tf.Tensor[] },
): Evaluation {
  recipe.retain();
  let known = gradient;
  const noTangents = all.map(() => undefined);
  const inPlace = (kind: ProductKind, vectors: readonly tf.Tensor[]) =>
    kind === 'push' ? vectors : [...noTangents, ...vectors];
  const programOf = (kind: ProductKind) => recipe.program(halves.programOf(kind));
  const programInPieces = (kind: ProductKind) => recipe.programInPieces(halves.programOf(kind));
  function* product(kind: ProductKind, vectors: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    const half = yield* halves.inPieces(kind);
    const all = [...given, ...inPlace(kind, vectors)];
    return yield* (yield* programInPieces(kind)).finishInPieces(all, half);
  }
  /** The caller's, kept. */
  function* found(): Pausing<tf.Tensor[]> {
    if (known.length === 0) known = (yield* halves.gradientOf()) ?? [];
    if (known.length > 0) return known.map((g) => tf.keep(g.clone()));
    return yield* (yield* recipe.programInPieces('gradient')).runInPieces(given);
  }
  const addressOf = (x: tf.Tensor) => heapNow()!.typedArrayFromHeap(x).byteOffset;
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
      if (known.length === 0) known = withoutPause(halves.gradientOf()) ?? [];
      if (known.length > 0) return known.map((g) => g.clone());
      return recipe.program('gradient').run(given);
    },
    *gradientInPieces() {
      checkAlive('evaluation');
      return yield* whileAlive({ checkAlive }, 'evaluation', found());
    },
    product(kind, vectors) {
      checkAlive('evaluation');
      return programOf(kind).finish([...given, ...inPlace(kind, vectors)], halves.of(kind));
    },
    *productInPieces(kind, vectors) {
      checkAlive('evaluation');
      return yield* whileAlive({ checkAlive }, 'evaluation', product(kind, vectors));
    },
    productAt(kind, vectors, out) {
      checkAlive('evaluation');
      const half = halves.of(kind);
      const addresses = given.map(addressOf);
      const vectorsInPlace = kind === 'push' ? vectors : [...all.map(() => 0), ...vectors];
      programOf(kind).finishAt(
        [...addresses, ...vectorsInPlace],
        addressOf(half.tensor),
        halves.placesOf(kind, out),
      );
    },
    checkAlive,
    dispose() {
      if (!alive) return;
      alive = false;
      halves.dispose();
      tf.dispose([value, ...known, ...given]);
      recipe.release();
    },
  };
}
