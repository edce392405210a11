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
import type { Kept } from './program';
import type { ProductKind, Recipe } from './recipe';

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
  readonly #known = new Map<ProductKind, Kept>();

  constructor(recipe: Recipe, given: readonly tf.Tensor[]) {
    this.#recipe = recipe;
    this.#given = given;
  }

  of(kind: ProductKind): Kept {
    const half = this.#known.get(kind) ?? this.#recipe.program(kind).begin(this.#given);
    this.#known.set(kind, half);
    return half;
  }

  /** What was begun may have been begun again meanwhile. */
  *inPieces(kind: ProductKind): Pausing<Kept> {
    const known = this.#known.get(kind);
    if (known !== undefined) return known;
    const program = yield* this.#recipe.programInPieces(kind);
    const made = yield* program.beginInPieces(this.#given);
    const half = this.#known.get(kind) ?? made;
    if (half !== made) made.tensor.dispose();
    this.#known.set(kind, half);
    return half;
  }

  dispose(): void {
    for (const { tensor } of this.#known.values()) tensor.dispose();
  }
}

export function byRecipe(
  recipe: Recipe,
  { value, gradient: known = [] }: { value: tf.Scalar; gradient?: readonly tf.Tensor[] },
  { all }: Leaves,
  given: readonly tf.Tensor[],
): Evaluation {
  recipe.retain();
  const halves = new Halves(recipe, given);
  const noTangents = all.map(() => undefined);
  const inPlace = (kind: ProductKind, vectors: readonly tf.Tensor[]) =>
    kind === 'push' ? vectors : [...noTangents, ...vectors];
  function* product(kind: ProductKind, vectors: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    const half = yield* halves.inPieces(kind);
    const all = [...given, ...inPlace(kind, vectors)];
    return yield* (yield* recipe.programInPieces(kind)).finishInPieces(all, half);
  }
  function* gradient(): Pausing<tf.Tensor[]> {
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
      if (known.length > 0) return known.map((g) => g.clone());
      return recipe.program('gradient').run(given);
    },
    *gradientInPieces() {
      checkAlive('evaluation');
      if (known.length > 0) return known.map((g) => tf.keep(g.clone()));
      return yield* whileAlive({ checkAlive }, 'evaluation', gradient());
    },
    product(kind, vectors) {
      checkAlive('evaluation');
      return recipe.program(kind).finish([...given, ...inPlace(kind, vectors)], halves.of(kind));
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
      recipe.program(kind).finishAt([...addresses, ...vectorsInPlace], addressOf(half.tensor), out);
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
