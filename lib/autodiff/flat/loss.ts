import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import type { NamedTensors } from '../../spaces';
import { requireFiniteLoss } from '../check';
import { gradientInPieces, gradientOf } from '../gradient-derivative';
import { namesOf } from '../named';
import {
  type Captured,
  finishLeft,
  heapForPrograms,
  knownPrograms,
  type ProductKind,
  type ProgramKind,
  type Recipe,
  type Remembered,
  ran,
} from '../traced';
import { derivativeOn, type FlatDerivative } from './derivative';
import { type Flat, Layout, numbersLayout } from './flat';
import { type FlatSteps, recordSteps } from './recorded';
import type { RecordedUpdates } from './recorded-loops';
import { type FlatSpace, flatSpaceOn } from './space';
import { boundOf, descentOn, type StepUpdates } from './step-loop';

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
  /** Whether the gradient or a product takes so long that timers should have a turn within it. */
  readonly isLong: boolean;
  /** Where a value is put. */
  readonly #value: Flat;

  constructor({ heap, recipe, captured }: Programs) {
    this.space = flatSpaceOn(heap);
    this.#recipe = recipe;
    this.isLong = recipe.isLong;
    recipe.retain();
    this.#captured = captured;
    captured.retain();
    this.portions = captured.portions;
    this.#value = this.space.keep(this.space.allocate(SCALAR));
  }

  /** @throws NotFiniteError for a loss that is NaN or infinite; what was made for nothing is freed. */
  #checkedValue(made: readonly unknown[]): number {
    const value = this.space.first(this.#value);
    try {
      requireFiniteLoss(value);
      return value;
    } catch (error) {
      this.space.free(made);
      throw error;
    }
  }

  /** Whether a program is made already. */
  has(kind: ProgramKind): boolean {
    return this.#recipe.has(kind);
  }

  /** Makes a program, or that of steps, to be left for a while, unless it is made already. */
  *prepare(use: ProgramKind | 'descend' | 'record'): Pausing<void> {
    const recipe = this.#recipe;
    if (use === 'descend' || use === 'record') yield* recipe.findSteps();
    const kind =
      use === 'descend' ? recipe.steps.gradient : use === 'record' ? recipe.steps.pull : use;
    if (!this.has(kind)) yield* recipe.programInPieces(kind);
  }

  value(w: Flat, λ: Flat): number {
    this.#recipe.program('value').beginAt(this.#given(w, λ), 0, [this.#value.address]);
    return this.space.first(this.#value);
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

  /** As `gradient`, to be left for a while within it, and kept. */
  *gradientInPieces(w: Flat, λ: Flat): Pausing<Flat> {
    const out = this.space.keep(this.space.allocate(w.layout));
    yield* this.#gradientIntoInPieces(out, out.parts(), w, λ);
    return out;
  }

  /** As `gradients`, to be left for a while within it, and kept. */
  *gradientsInPieces(w: Flat, λ: Flat): Pausing<{ loss: number; w: Flat; λ: Flat }> {
    const { space } = this;
    const out = space.keep({ w: space.allocate(w.layout), λ: space.allocate(λ.layout) });
    const parts = [...out.w.parts(), ...out.λ.parts()];
    return { loss: yield* this.#gradientIntoInPieces(out, parts, w, λ), ...out };
  }

  *#gradientIntoInPieces(
    out: unknown,
    parts: readonly number[],
    w: Flat,
    λ: Flat,
  ): Pausing<number> {
    const { space } = this;
    const loss = space.keep(space.allocate(SCALAR));
    for (const x of [w, λ]) space.hold(x);
    this.#recipe.retain();
    this.#captured.retain();
    try {
      yield;
      const program = yield* this.#recipe.programInPieces('value and gradient');
      yield* program.beginAtInPieces(() => this.#given(w, λ), 0, [loss.address, ...parts]);
      const value = space.first(loss);
      requireFiniteLoss(value);
      return value;
    } catch (error) {
      space.free(out);
      throw error;
    } finally {
      // A run that is broken off while it is left would write into what is freed.
      finishLeft(space.heap);
      space.free(loss);
      for (const x of [w, λ]) space.letGo(x);
      this.#captured.release();
      this.#recipe.release();
    }
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
      const { gradient: kind, finite } = this.#recipe.steps;
      const prepared = this.#recipe
        .program(kind)
        .prepare('early', this.#given(at, λ), 0, [this.#value.address, ...gradient.parts()]);
      const run = descentOn(space.heap, prepared, updates, finite);
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
      captured: this.#captured,
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
    return this.#derivative(w, λ, kind, noted);
  }

  /**
   * The same, to be left for a while within it.
   *
   * @param needsValue whether the gradient is computed before, and the loss judged
   */
  *linearizeInPieces(
    w: Flat,
    λ: Flat,
    kind: ProductKind,
    { needsValue, noted }: { needsValue: boolean; noted: (loss: number) => void },
  ): Pausing<FlatDerivative> {
    const derivative = this.#derivative(w, λ, kind, noted);
    try {
      if (needsValue) yield* derivative.evaluateInPieces();
      return derivative;
    } catch (error) {
      derivative.dispose();
      throw error;
    }
  }

  #derivative(w: Flat, λ: Flat, kind: ProductKind, noted: (loss: number) => void) {
    return derivativeOn(
      {
        space: this.space,
        recipe: this.#recipe,
        captured: this.#captured,
        value: this.#value,
        portions: this.portions.solves,
        judge: () => noted(this.#checkedValue([])),
      },
      { w, λ, kind },
    );
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

/**
 * The programs of a loss that `compiled` has declared, for flat vectors of the names and shapes of w
 * and λ; where they are not known yet it is evaluated once.
 *
 * @returns undefined where programs cannot run, and for a loss that has none or that marks something
 */
export function flatLossOf(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered: Remembered,
  purpose: Purpose,
): FlatLoss | undefined {
  if (!isPlain(w, λ)) return undefined;
  let programs = programsOf(w, λ, remembered);
  if (programs === undefined) {
    tf.dispose(gradientOf(loss, w, λ, remembered));
    programs = programsOf(w, λ, remembered);
  }
  if (programs === undefined || remembered.marks) return undefined;
  return withoutPause(serves(programs, purpose)) ? new FlatLoss(programs) : undefined;
}

/** The same where the programs are known already; the loss is not called. */
export function knownFlatLoss(
  w: NamedTensors,
  λ: NamedTensors,
  remembered: Remembered,
  purpose: Purpose,
): FlatLoss | undefined {
  if (remembered.marks || !isPlain(w, λ)) return undefined;
  const programs = programsOf(w, λ, remembered);
  const isServed = programs !== undefined && withoutPause(serves(programs, purpose));
  return isServed ? new FlatLoss(programs) : undefined;
}

/** Evaluates the loss with pauses where `flatLossOf` would evaluate it at once. */
export function* traceLoss(
  loss: (w: NamedTensors, λ: NamedTensors) => tf.Scalar,
  w: NamedTensors,
  λ: NamedTensors,
  remembered: Remembered,
  purpose: Purpose,
): Pausing<void> {
  if (heapForPrograms() === undefined || !isPlain(w, λ)) return;
  if (programsOf(w, λ, remembered) === undefined) {
    tf.dispose(yield* gradientInPieces(loss, w, λ, remembered));
  }
  const programs = programsOf(w, λ, remembered);
  if (programs !== undefined) yield* serves(programs, purpose);
}

/** What a loss is wanted for: products with its derivative too, or its gradient alone. */
type Purpose = 'products' | 'gradient';

/** Whether programs have what is asked for; to be left for a while. */
function* serves({ recipe }: Programs, purpose: Purpose): Pausing<boolean> {
  if (purpose === 'gradient') return true;
  recipe.retain();
  try {
    return yield* recipe.findProducts();
  } finally {
    recipe.release();
  }
}

const isPlain = (w: NamedTensors, λ: NamedTensors): boolean =>
  tensorsOf(w, λ).every(({ dtype, size }) => dtype === 'float32' && size > 0);

const tensorsOf = (w: NamedTensors, λ: NamedTensors) => [...Object.values(w), ...Object.values(λ)];

const programsOf = (w: NamedTensors, λ: NamedTensors, remembered: Remembered) =>
  knownPrograms(remembered, { all: tensorsOf(w, λ), varied: Object.keys(w).length }, namesOf(w, λ));
