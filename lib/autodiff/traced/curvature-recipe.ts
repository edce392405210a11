import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { isLong } from './cost';
import { Counted } from './counted';
import { makingInPieces } from './counts';
import { planned } from './plan';
import { productView } from './products';
import { Program } from './program';
import { NotLowered, type Value, type View } from './value';

/** A dense layer by its sizes, and what the batch shows to it. */
export interface LayerViews {
  rows: number;
  inputs: number;
  outputs: number;
  /** `[rows × inputs]`. */
  a: View;
}

/** A curvature in the rows of the batch: see `RowSpace`. */
export interface RowViews {
  /** From how many products on it is worth its price. */
  products: number;
  /** For each parameter of the block, the layer that it is multiplied in, if its coordinates are rows. */
  layers: readonly (LayerViews | undefined)[];
  /** The shapes of the coordinates, and those of the parameters. */
  shapes: readonly (readonly number[])[];
  parameters: readonly (readonly number[])[];
  /** The coordinates of the gradient. */
  gradient: readonly View[];
  /** The coordinates of a product, from those of a vector times the weights of the inner product. */
  product: readonly View[];
  /** The number of the first of these coordinates among what is given. */
  from: number;
}

/** The gradient of a loss and products with a curvature, as values of one trace. */
export interface CurvatureViews {
  /** The loss; nothing where something in it has no loop. */
  value: readonly View[];
  gradient: readonly View[];
  product: readonly View[];
  /** The number of the first tangent among what is given. */
  from: number;
  /** From the one that pays soonest to the one that pays latest. */
  rows: readonly RowViews[];
}

/** Which products a program computes: among the parameters, or in rows of the batch; or none. */
export type CurvatureProgram = 'gradient' | 'whole' | RowViews;

/** A program whose first half hands out the loss, the gradient and more, and whose second half is a product. */
export interface CurvatureHalves {
  program: Program;
  /** How many outputs come before those of the product. */
  first: number;
  /** The number of the first tangent among what is given. */
  from: number;
}

/** The programs for the row space of some layers. */
export interface RowPrograms {
  /** What of the layers' inputs has to be handed out by the first half: its number among the outputs. */
  inputs: readonly { given: number | undefined; size: number }[];
  /** `K = a aᵀ` of each layer, from all a. */
  grams: Program;
  /** Coordinates times the weights of the inner product, from all K and the coordinates. */
  weigh: Program;
  /** Parameters, from all a and the coordinates. */
  expand: Program;
}

/** The programs of all losses of one structure for an implicit step, made when they are first needed. */
export class CurvatureRecipe extends Counted {
  /** Whether the gradient or a product takes so long that timers should have a turn within it. */
  readonly isLong: boolean;
  readonly #heap: Heap;
  readonly views: CurvatureViews;
  readonly #halves = new Map<CurvatureProgram, CurvatureHalves>();
  readonly #rows = new Map<RowViews, RowPrograms>();
  #value: Program | undefined;
  /** What was asked for last, which the next evaluation computes with its gradient. */
  expected: CurvatureProgram = 'gradient';

  /** @throws NotLowered where something in it has no loop. */
  static *inPieces(heap: Heap, all: CurvatureViews): Pausing<CurvatureRecipe> {
    let long = false;
    const views = (yield* canBePlanned(all.value)) ? all : { ...all, value: [] };
    for (const each of [views.gradient, views.product]) {
      yield;
      const { early, late } = yield* planned(each);
      long ||= isLong([...early, ...late]);
    }
    for (const row of views.rows) {
      yield* planned(row.product);
      yield* planned(row.gradient);
    }
    return new CurvatureRecipe(heap, views, long);
  }

  private constructor(heap: Heap, views: CurvatureViews, long: boolean) {
    super();
    this.#heap = heap;
    this.views = views;
    this.isLong = long;
  }

  halves(kind: CurvatureProgram): CurvatureHalves {
    return this.#halves.get(kind) ?? withoutPause(this.halvesInPieces(kind));
  }

  /** As `halves`, to be left for a while where they have to be made, by someone who retains the recipe. */
  *halvesInPieces(kind: CurvatureProgram): Pausing<CurvatureHalves> {
    const known = this.#halves.get(kind);
    if (known !== undefined) return known;
    const made = yield* makingInPieces(this.#made(kind));
    // They may have been made for others meanwhile.
    const first = this.#halves.get(kind);
    if (first === undefined) this.#halves.set(kind, made);
    else made.program.dispose();
    return first ?? made;
  }

  *#made(kind: CurvatureProgram): Pausing<CurvatureHalves> {
    const { value, gradient, product, from } = this.views;
    const heap = this.#heap;
    const both = [...value, ...gradient];
    const first = both.length;
    if (kind === 'gradient') {
      const program = yield* Program.inPieces(heap, both, { inHalves: false });
      return { program, first, from };
    }
    if (kind === 'whole') {
      const outputs = [...both, ...product];
      const program = yield* Program.inPieces(heap, outputs, { inHalves: true, first });
      return { program, first, from };
    }
    const early = [...both, ...kind.gradient, ...computedInputs(kind)];
    const program = yield* Program.inPieces(heap, [...early, ...kind.product], {
      ...{ inHalves: true, first: early.length },
    });
    return { program, first: early.length, from: kind.from };
  }

  /** The loss alone; undefined where something in it has no loop. */
  get value(): Program | undefined {
    if (this.views.value.length === 0) return undefined;
    this.#value ??= withoutPause(
      makingInPieces(Program.inPieces(this.#heap, this.views.value, { inHalves: false })),
    );
    return this.#value;
  }

  rows(views: RowViews): RowPrograms {
    const known =
      this.#rows.get(views) ?? withoutPause(makingInPieces(rowPrograms(this.#heap, views)));
    this.#rows.set(views, known);
    return known;
  }

  protected override free(): void {
    for (const { program } of this.#halves.values()) program.dispose();
    for (const { grams, weigh, expand } of this.#rows.values()) {
      for (const program of [grams, weigh, expand]) program.dispose();
    }
    this.#value?.dispose();
    this.#value = undefined;
    this.#halves.clear();
    this.#rows.clear();
  }
}

function* canBePlanned(views: readonly View[]): Pausing<boolean> {
  try {
    yield* planned(views);
    return true;
  } catch (error) {
    if (error instanceof NotLowered) return false;
    throw error;
  }
}

const layersOf = ({ layers }: RowViews) => layers.filter((layer) => layer !== undefined);

/** Inputs of layers that are not given, but computed. */
const computedInputs = (views: RowViews): View[] =>
  layersOf(views).flatMap(({ a }) => (a.value.given === undefined ? [a] : []));

function* rowPrograms(heap: Heap, views: RowViews): Pausing<RowPrograms> {
  const layers = layersOf(views);
  const { shapes } = views;
  const inputs = layers.map(({ a, rows, inputs }) => ({
    given: a.value.given,
    size: rows * inputs,
  }));
  const as = layers.map(({ rows, inputs }, i) => givenView(i, [rows, inputs]));
  const grams = as.map((a) => productView(a, a, false, true));
  const coordinates = shapes.map((shape, i) => givenView(layers.length + i, shape));
  const byLayer = (multiplied: (σ: View, layer: number) => View) => {
    let next = 0;
    return coordinates.map((σ, i) => {
      const layer = views.layers[i];
      if (layer === undefined) return σ;
      const matrix = { value: σ.value, shape: [layer.rows, layer.outputs] };
      return multiplied(matrix, next++);
    });
  };
  const weights = layers.map(({ rows }, i) => givenView(i, [rows, rows]));
  const weighed = byLayer((σ, i) => productView(weights[i]!, σ, false, false));
  const expanded = byLayer((σ, i) => productView(as[i]!, σ, true, false)).map(({ value }, i) => ({
    value,
    shape: views.parameters[i]!,
  }));
  const program = (outputs: View[]) => Program.inPieces(heap, outputs, { inHalves: false });
  return {
    inputs,
    grams: yield* program(grams),
    weigh: yield* program(weighed),
    expand: yield* program(expanded),
  };
}

function givenView(given: number, shape: readonly number[]): View {
  const value: Value = { size: shape.reduce((a, b) => a * b, 1), given, late: false };
  return { value, shape };
}
