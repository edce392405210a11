import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import type { NamedTensors, SolverLoops } from '../../spaces';
import { requireFiniteLoss } from '../check';
import { gradientOf } from '../gradient-derivative';
import { namesOf } from '../named';
import { isolated } from '../tape';
import {
  knownPrograms,
  type Prepared,
  type ProductKind,
  type Recipe,
  type Remembered,
} from '../traced';
import { type Flat, Layout } from './flat';
import { type FlatSteps, recordSteps } from './recorded';
import type { RecordedUpdates } from './recorded-loops';
import { flatLoops } from './solver-loops';
import { type FlatSpace, flatSpaceOn } from './space';
import { boundOf, descentOn, type StepUpdates } from './step-loop';

/** The gradient of a loss in w on flat vectors, with its derivative with respect to w and λ. */
export interface FlatDerivative {
  /** Owned by this. */
  readonly value: Flat;
  /** `H dw + B dλ`. */
  jvp(dw: Flat, dλ: Flat): Flat;
  /** `H u` and `Bᵀ u`. */
  vjp(u: Flat): { w: Flat; λ: Flat };
  /** `H v` alone. */
  hessian(v: Flat): Flat;
  /** `Bᵀ u` alone. */
  mixed(u: Flat): Flat;
  /** Iterations of solves with H, many in one call. */
  readonly loops: SolverLoops<Flat>;
  dispose(): void;
}

interface Programs {
  heap: Heap;
  recipe: Recipe;
  outside: readonly tf.Tensor[];
}

/**
 * A loss that `compiled` has declared, on flat vectors w and λ: its programs on addresses. Neither a
 * tensor is made nor the loss called.
 */
export class FlatLoss {
  readonly space: FlatSpace;
  readonly #recipe: Recipe;
  readonly #outside: readonly tf.Tensor[];
  readonly #captured: readonly number[];
  /** Where a value is put. */
  readonly #value: Flat;

  constructor({ heap, recipe, outside }: Programs) {
    this.space = flatSpaceOn(heap);
    this.#recipe = recipe;
    recipe.retain();
    // Copies share the numbers, and keep them where they are.
    this.#outside = outside.map((x) => isolated(() => tf.keep(x.clone())));
    this.#captured = this.#outside.map((x) => heap.typedArrayFromHeap(x).byteOffset);
    this.#value = this.space.keep(this.space.allocate(SCALAR));
  }

  /** @throws NotFiniteError for a loss that is NaN or infinite; what was made for nothing is freed. */
  #checkedValue(made: readonly unknown[]): void {
    try {
      requireFiniteLoss(this.space.numbers(this.#value)[0]!);
    } catch (error) {
      this.space.free(made);
      throw error;
    }
  }

  value(w: Flat, λ: Flat): number {
    this.#recipe.program('value').beginAt(this.#given(w, λ), 0, [this.#value.address]);
    return this.space.numbers(this.#value)[0]!;
  }

  /** @throws NotFiniteError for a loss that is NaN or infinite. */
  gradient(w: Flat, λ: Flat): Flat {
    const out = this.space.allocate(w.layout);
    this.#gradientInto(out, out.parts(), w, λ);
    return out;
  }

  /**
   * The gradients in w and λ, of a loss that is known with both as what is varied.
   *
   * @throws NotFiniteError for a loss that is NaN or infinite.
   */
  gradients(w: Flat, λ: Flat): { w: Flat; λ: Flat } {
    const out = { w: this.space.allocate(w.layout), λ: this.space.allocate(λ.layout) };
    this.#gradientInto(out, [...out.w.parts(), ...out.λ.parts()], w, λ);
    return out;
  }

  #gradientInto(out: unknown, parts: readonly number[], w: Flat, λ: Flat): void {
    const outputs = [this.#value.address, ...parts];
    this.#recipe.program('value and gradient').beginAt(this.#given(w, λ), 0, outputs);
    this.#checkedValue([out]);
  }

  /**
   * Steps of a first-order method in one call, on a state that is changed in place.
   *
   * @param numbers those of each step, one after the other: there are as many steps
   * @param enough where the norm of the gradient is not above it, the steps end
   * @returns how many were taken: less where the next one wants to be looked at, since the loss or a
   *   norm is not finite or out of the range of float32, or the gradient is small enough
   */
  descend(
    updates: StepUpdates,
    state: readonly Flat[],
    λ: Flat,
    { numbers, enough }: { numbers: readonly number[]; enough: number },
  ): number {
    const { space } = this;
    const { layout } = state[0]!;
    const gradient = space.allocate(layout);
    const own = typeof updates.point === 'number' ? [] : [space.allocate(layout)];
    const at = typeof updates.point === 'number' ? state[updates.point]! : own[0]!;
    const vectors = [...state, gradient, ...own];
    const table = space.allocate(numbersLayout(vectors.length));
    const given = space.allocate(numbersLayout(numbers.length));
    try {
      const prepared = this.#recipe
        .program('value and gradient')
        .prepare('early', this.#given(at, λ), 0, [this.#value.address, ...gradient.parts()]);
      const run = descentOn(space.heap, prepared, updates);
      space.integers(table).set(vectors.map(({ address }) => address));
      space.numbers(given).set(numbers);
      const count = numbers.length / updates.numbers;
      const bytes = 4 * layout.size;
      const value = this.#value.address;
      return run(table.address, given.address, count, value, bytes, boundOf(enough));
    } finally {
      space.free([gradient, own, table, given]);
    }
  }

  /**
   * Steps of a first-order method in one call that can be walked back; the state is left as it is.
   *
   * @param numbers those of each step, one after the other: there are as many steps
   * @returns undefined where the first step wants to be looked at, since the loss is not finite
   */
  record(
    updates: RecordedUpdates,
    state: readonly Flat[],
    λ: Flat,
    numbers: readonly number[],
  ): FlatSteps | undefined {
    const setting = {
      space: this.space,
      recipe: this.#recipe,
      λ,
      captured: this.#captured,
      value: this.#value,
    };
    return recordSteps(setting, updates, state, numbers);
  }

  /**
   * @param kind of the product that will be asked for most: it shares its evaluation with the gradient
   * @throws NotFiniteError for a loss that is NaN or infinite.
   */
  linearize(w: Flat, λ: Flat, kind: ProductKind): FlatDerivative {
    const { space } = this;
    const given = this.#given(w, λ);
    const value = space.keep(space.allocate(w.layout));
    const nothing = [...w.layout.sizes, ...λ.layout.sizes].map(() => 0);
    const halves = new Map<ProductKind, Flat>();
    const nameOf = (of: ProductKind) => (of === kind ? (`linearized ${of}` as const) : of);
    const half = (of: ProductKind) => {
      const known = halves.get(of);
      if (known !== undefined) return known;
      const program = this.#recipe.program(nameOf(of));
      const kept = space.keep(space.allocate(bytesLayout(program.keptBytes)));
      halves.set(of, kept);
      const outputs = of === kind ? [this.#value.address, ...value.parts()] : [];
      program.beginAt(given, kept.address, outputs);
      return kept;
    };
    const product = (of: ProductKind, vectors: readonly number[], outputs: readonly number[]) => {
      const kept = half(of);
      const results = of === kind ? [0, ...w.layout.sizes.map(() => 0), ...outputs] : outputs;
      this.#recipe.program(nameOf(of)).finishAt([...given, ...vectors], kept.address, results);
    };
    const preparedHessian = (v: Flat, out: Flat): Prepared => {
      const of = 'pull to the varied';
      const kept = half(of);
      const outputs =
        of === kind ? [0, ...w.layout.sizes.map(() => 0), ...out.parts()] : out.parts();
      return this.#recipe
        .program(nameOf(of))
        .prepare('late', [...given, ...nothing, ...v.parts()], kept.address, outputs);
    };
    half(kind);
    this.#checkedValue([value, ...halves.values()]);
    this.#recipe.retain();
    // The products read w, which may be an intermediate result of the step that asked.
    space.hold(w);
    let alive = true;
    return {
      value,
      jvp(dw, dλ) {
        const out = space.allocate(w.layout);
        product('push', [...dw.parts(), ...dλ.parts()], out.parts());
        return out;
      },
      vjp(u) {
        const out = { w: space.allocate(w.layout), λ: space.allocate(λ.layout) };
        product('pull', [...nothing, ...u.parts()], [...out.w.parts(), ...out.λ.parts()]);
        return out;
      },
      hessian(v) {
        const out = space.allocate(w.layout);
        product('pull to the varied', [...nothing, ...v.parts()], out.parts());
        return out;
      },
      mixed(u) {
        const out = space.allocate(λ.layout);
        product('pull to the rest', [...nothing, ...u.parts()], out.parts());
        return out;
      },
      loops: flatLoops(space, preparedHessian),
      dispose: () => {
        if (!alive) return;
        alive = false;
        space.free([value, ...halves.values()]);
        space.letGo(w);
        this.#recipe.release();
      },
    };
  }

  #given(w: Flat, λ: Flat): number[] {
    return [...w.parts(), ...λ.parts(), ...this.#captured];
  }

  dispose(): void {
    if (!this.#value.alive) return;
    this.space.free(this.#value);
    for (const x of this.#outside) x.dispose();
    this.#recipe.release();
  }
}

const SCALAR = new Layout({ value: { shape: [], size: 1 } });

const layouts = new Map<number, Layout>();

/** Of so many numbers, or addresses. */
const numbersLayout = (size: number): Layout => bytesLayout(4 * size);

/** Of what a program keeps. */
function bytesLayout(bytes: number): Layout {
  const size = Math.max(1, bytes / 4);
  const known = layouts.get(size) ?? new Layout({ kept: { shape: [size], size } });
  layouts.set(size, known);
  return known;
}

/**
 * The programs of a loss that `compiled` has declared, for flat vectors of the names and shapes of w
 * and λ; where they are not known yet it is evaluated once.
 *
 * @returns undefined where programs cannot run, and for a loss that has none, that takes long, or that
 *   marks something
 */
export function flatLossOf(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered: Remembered,
): FlatLoss | undefined {
  const all = [...Object.values(w), ...Object.values(λ)];
  if (all.some(({ dtype, size }) => dtype !== 'float32' || size === 0)) return undefined;
  const find = () =>
    knownPrograms(remembered, { all, varied: Object.keys(w).length }, namesOf(w, λ));
  let programs = find();
  if (programs === undefined) {
    tf.dispose(gradientOf(loss, w, λ, remembered));
    programs = find();
  }
  // Within a long product timers have their turns; on flat vectors it is one call.
  if (programs === undefined || remembered.marks || programs.recipe.isLong) return undefined;
  return new FlatLoss(programs);
}
