import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import type { NamedTensors, SolverLoops } from '../../spaces';
import { requireFiniteLoss } from '../check';
import { gradientOf } from '../gradient-derivative';
import { namesOf } from '../named';
import {
  type Captured,
  knownPrograms,
  type Prepared,
  type ProductKind,
  type Recipe,
  type Remembered,
  ran,
} from '../traced';
import { type Flat, Layout } from './flat';
import { type FlatSteps, recordSteps } from './recorded';
import type { RecordedUpdates } from './recorded-loops';
import { flatLoops } from './solver-loops';
import { type FlatSpace, flatSpaceOn } from './space';
import { boundOf, descentOn, type StepUpdates } from './step-loop';

/** The gradient of a loss in w on flat vectors, with its derivative with respect to w and λ. */
export interface FlatDerivative {
  /** The gradient, owned by this; computed when it is first asked for, with the loss. */
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
  captured: Captured;
}

/**
 * A loss that `compiled` has declared, on flat vectors w and λ: its programs on addresses. Neither a
 * tensor is made nor the loss called.
 */
export class FlatLoss {
  readonly space: FlatSpace;
  /** How many steps or iterations fit into a turn of the event loop, remembered with the loss. */
  readonly portions: Captured['portions'];
  readonly #recipe: Recipe;
  readonly #captured: Captured;
  /** Where a value is put. */
  readonly #value: Flat;

  constructor({ heap, recipe, captured }: Programs) {
    this.space = flatSpaceOn(heap);
    this.#recipe = recipe;
    recipe.retain();
    this.#captured = captured;
    captured.retain();
    this.portions = captured.portions;
    this.#value = this.space.keep(this.space.allocate(SCALAR));
  }

  /** @throws NotFiniteError for a loss that is NaN or infinite; what was made for nothing is freed. */
  #checkedValue(made: readonly unknown[]): number {
    const value = this.space.numbers(this.#value)[0]!;
    try {
      requireFiniteLoss(value);
      return value;
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
  gradients(w: Flat, λ: Flat): { loss: number; w: Flat; λ: Flat } {
    const out = { w: this.space.allocate(w.layout), λ: this.space.allocate(λ.layout) };
    const loss = this.#gradientInto(out, [...out.w.parts(), ...out.λ.parts()], w, λ);
    return { loss, ...out };
  }

  #gradientInto(out: unknown, parts: readonly number[], w: Flat, λ: Flat): number {
    const outputs = [this.#value.address, ...parts];
    this.#recipe.program('value and gradient').beginAt(this.#given(w, λ), 0, outputs);
    return this.#checkedValue([out]);
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
      const taken = run(table.address, given.address, count, value, bytes, boundOf(enough));
      ran(prepared, taken);
      return taken;
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
      captured: this.#captured.addresses,
      value: this.#value,
    };
    return recordSteps(setting, updates, state, numbers);
  }

  /**
   * @param kind of the product that will be asked for most: it shares its evaluation with the gradient,
   *   where that is asked for first
   * @param noted called with the loss once it is known
   * @throws NotFiniteError for a loss that is NaN or infinite, when the gradient is asked for.
   */
  linearize(
    w: Flat,
    λ: Flat,
    kind: ProductKind,
    noted: (loss: number) => void = () => {},
  ): FlatDerivative {
    const { space } = this;
    const given = this.#given(w, λ);
    let value: Flat | undefined;
    let [isShared, alive] = [false, true];
    const nothing = [...w.layout.sizes, ...λ.layout.sizes].map(() => 0);
    const halves = new Map<ProductKind, Flat>();
    const sharesIt = (of: ProductKind) => isShared && of === kind;
    const nameOf = (of: ProductKind) => (sharesIt(of) ? (`linearized ${of}` as const) : of);
    const half = (of: ProductKind) => {
      const known = halves.get(of);
      if (known !== undefined) return known;
      const program = this.#recipe.program(nameOf(of));
      const kept = space.keep(space.allocate(bytesLayout(program.keptBytes)));
      halves.set(of, kept);
      const outputs = sharesIt(of) ? [this.#value.address, ...value!.parts()] : [];
      program.beginAt(given, kept.address, outputs);
      return kept;
    };
    const product = (of: ProductKind, vectors: readonly number[], outputs: readonly number[]) => {
      const kept = half(of);
      const results = sharesIt(of) ? [0, ...w.layout.sizes.map(() => 0), ...outputs] : outputs;
      this.#recipe.program(nameOf(of)).finishAt([...given, ...vectors], kept.address, results);
    };
    const preparedHessian = (v: Flat, out: Flat): Prepared => {
      const of = 'pull to the varied';
      const kept = half(of);
      const outputs = sharesIt(of)
        ? [0, ...w.layout.sizes.map(() => 0), ...out.parts()]
        : out.parts();
      return this.#recipe
        .program(nameOf(of))
        .prepare('late', [...given, ...nothing, ...v.parts()], kept.address, outputs);
    };
    const evaluated = (): Flat => {
      value = space.keep(space.allocate(w.layout));
      const parts = value.parts();
      if (halves.has(kind)) this.#gradientInto(undefined, parts, w, λ);
      else {
        isShared = true;
        half(kind);
      }
      noted(this.#checkedValue([]));
      return value;
    };
    this.#recipe.retain();
    // The products read w, which may be an intermediate result of the step that asked.
    space.hold(w);
    return {
      get value() {
        return value ?? evaluated();
      },
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
      loops: flatLoops(space, preparedHessian, { portions: this.portions.solves }),
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
    return [...w.parts(), ...λ.parts(), ...this.#captured.addresses];
  }

  dispose(): void {
    if (!this.#value.alive) return;
    this.space.free(this.#value);
    this.#captured.release();
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
