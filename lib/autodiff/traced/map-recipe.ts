import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { Counted } from './counted';
import { makingInPieces } from './counts';
import { Program } from './program';
import type { View } from './value';

/** Products with the derivative of a map whose value is like its first tensors, x; the others are θ. */
export type MapProduct = 'push' | 'pull' | 'pull to the rest' | 'series';

/** Of how many iterations of Richardson's method a series is. */
export const SERIES = 4;

/**
 * The numbers that a series is given: the factor α of its steps, −α, and one by which residuals are
 * multiplied before they are squared.
 */
export const SERIES_NUMBERS = { alpha: 0, minus: 1, unit: 2, count: 3 } as const;

/** What a derivative is given after the point, each as many tensors as x has: by the number of the first. */
export interface Places {
  cotangent: number;
  tangent: number;
  /** The iterate of a series and its residual, and its numbers. */
  x: number;
  r: number;
  numbers: number;
  /** How many tensors there are in all. */
  count: number;
}

export interface MapViews {
  value: readonly View[];
  derivative?: Readonly<Record<MapProduct, readonly View[]>>;
}

/** The programs of a map for tensors of some shapes, made when they are first needed. */
export class MapRecipe extends Counted {
  readonly #heap: Heap;
  readonly #views: MapViews;
  readonly places: Places | undefined;
  readonly #programs = new Map<'value' | MapProduct, Program>();

  /** @throws NotLowered where something in its value has no loop. */
  constructor(heap: Heap, views: MapViews, places?: Places) {
    super();
    this.#heap = heap;
    this.#views = views;
    this.places = places;
  }

  program(kind: 'value' | MapProduct): Program {
    return this.#programs.get(kind) ?? withoutPause(this.programInPieces(kind));
  }

  /** As `program`, to be left for a while where it has to be made, by someone who retains the recipe. */
  *programInPieces(kind: 'value' | MapProduct): Pausing<Program> {
    const known = this.#programs.get(kind);
    if (known !== undefined) return known;
    const made = yield* makingInPieces(this.#made(kind));
    // It may have been made for others meanwhile.
    const first = this.#programs.get(kind);
    if (first === undefined) this.#programs.set(kind, made);
    else made.dispose();
    return first ?? made;
  }

  /** The outputs of a kind by their sizes. */
  sizes(kind: MapProduct): number[] {
    return this.#viewsOf(kind).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  }

  #viewsOf(kind: 'value' | MapProduct): readonly View[] {
    return kind === 'value' ? this.#views.value : this.#views.derivative![kind];
  }

  #made(kind: 'value' | MapProduct): Pausing<Program> {
    return Program.inPieces(this.#heap, this.#viewsOf(kind), { inHalves: kind !== 'value' });
  }

  protected override free(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
