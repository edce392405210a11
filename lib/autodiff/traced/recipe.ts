import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { isLong } from './cost';
import { Counted } from './counted';
import { counts, makingInPieces } from './counts';
import { boundOfLoss, CERTAINLY_FINITE } from './loss-bound';
import { planned } from './plan';
import { Program } from './program';
import { NotLowered, type View } from './value';

/**
 * What a program computes: the value, the gradient, both, or products with its derivative; of
 * `linearized` ones the first half gives the value and the gradient too, and of `bounded` ones a bound
 * of the value in its place (`loss-bound.ts`).
 */
export type ProgramKind =
  | 'value'
  | 'gradient'
  | 'value and gradient'
  | 'bounded gradient'
  | ProductKind
  | `${'linearized' | 'bounded'} ${ProductKind}`;

/** What steps run that need no loss, but have to end where it is not finite. */
export interface StepPrograms {
  gradient: ProgramKind;
  pull: ProgramKind;
  /** The loss is certainly finite where the first number that they give is less than this in size. */
  finite: number;
}

/** Products with the derivative of a gradient: by all leaves, or backwards to all or some. */
export type ProductKind = 'push' | 'pull' | 'pull to the varied' | 'pull to the rest';

/** What is computed without tangents, and what with them. */
type Gradient = Record<'value' | 'gradient', readonly View[]>;
export type Products = Record<ProductKind, readonly View[]>;

const WITH_LOSS: StepPrograms = {
  gradient: 'value and gradient',
  pull: 'linearized pull',
  finite: Number.POSITIVE_INFINITY,
};
const WITH_BOUND: StepPrograms = {
  gradient: 'bounded gradient',
  pull: 'bounded pull',
  finite: CERTAINLY_FINITE,
};

/** The programs of all losses of one structure, made when they are first needed. */
export class Recipe extends Counted {
  readonly #heap: Heap;
  readonly #gradient: Gradient;
  /** The value and the gradient. */
  readonly #both: readonly View[];
  /** A bound of the value, and the gradient; undefined where that takes no less time, null if not known yet. */
  #bounded: readonly View[] | undefined | null = null;
  /** Products as views, how to get there, or that something in them has no loop. */
  #products: Products | 'refused' | (() => Pausing<Products>);
  #isLong: boolean;
  readonly #programs = new Map<ProgramKind, Program>();

  /**
   * Of the value and the gradient; products are left until they are needed.
   *
   * @throws NotLowered where something in the gradient has no loop.
   */
  static *inPieces(
    heap: Heap,
    gradient: Gradient,
    products: () => Pausing<Products>,
  ): Pausing<Recipe> {
    const both = [...gradient.value, ...gradient.gradient];
    yield;
    return new Recipe(heap, { gradient, both, products }, yield* takesLong(both));
  }

  private constructor(
    heap: Heap,
    views: { gradient: Gradient; both: readonly View[]; products: () => Pausing<Products> },
    long: boolean,
  ) {
    super();
    this.#heap = heap;
    this.#gradient = views.gradient;
    this.#both = views.both;
    this.#products = views.products;
    this.#isLong = long;
  }

  /** Whether the gradient, or a product once products are known, takes so long that timers should have a turn within it. */
  get isLong(): boolean {
    return this.#isLong;
  }

  /** Whether products are known. */
  get hasProducts(): boolean {
    return typeof this.#products === 'object';
  }

  /** Gets to know the products; returns whether all in them has a loop. To be left for a while. */
  *findProducts(): Pausing<boolean> {
    const find = this.#products;
    if (typeof find !== 'function') return find !== 'refused';
    try {
      const found = yield* makingInPieces(find());
      const isLong = yield* makingInPieces(anyTakesLong([found.push, found.pull]));
      this.#isLong ||= isLong;
      // They may have been found for others meanwhile.
      if (this.#products === find) this.#products = found;
    } catch (error) {
      if (!(error instanceof NotLowered)) throw error;
      counts.refused++;
      this.#products = 'refused';
    }
    return this.#products !== 'refused';
  }

  /** The programs of steps: with the loss, or with a bound of it where that takes less time. */
  get steps(): StepPrograms {
    withoutPause(this.findSteps());
    return this.#bounded === undefined ? WITH_LOSS : WITH_BOUND;
  }

  /** Finds out which they are, to be left for a while. */
  *findSteps(): Pausing<void> {
    if (this.#bounded === null) this.#bounded = yield* this.#withBound();
  }

  *#withBound(): Pausing<readonly View[] | undefined> {
    const bound = boundOfLoss(this.#gradient.value[0]!);
    if (bound === undefined) return undefined;
    const views = [bound, ...this.#gradient.gradient];
    try {
      yield* planned(views);
      return views;
    } catch (error) {
      if (error instanceof NotLowered) return undefined;
      throw error;
    }
  }

  program(kind: ProgramKind): Program {
    return this.#programs.get(kind) ?? withoutPause(this.programInPieces(kind));
  }

  /** Whether a program is made already. */
  has(kind: ProgramKind): boolean {
    return this.#programs.has(kind);
  }

  /** As `program`, to be left for a while where it has to be made, by someone who retains the recipe. */
  *programInPieces(kind: ProgramKind): Pausing<Program> {
    const known = this.#programs.get(kind);
    if (known !== undefined) return known;
    if (!WITHOUT_TANGENTS.includes(kind)) yield* this.findProducts();
    const made = yield* makingInPieces(this.#made(kind));
    // It may have been made for others meanwhile.
    const first = this.#programs.get(kind);
    if (first === undefined) this.#programs.set(kind, made);
    else made.dispose();
    return first ?? made;
  }

  #made(kind: ProgramKind): Pausing<Program> {
    const heap = this.#heap;
    if (kind === 'value' || kind === 'gradient') {
      return Program.inPieces(heap, this.#gradient[kind], { inHalves: false });
    }
    const both = kind.startsWith('bounded ') ? this.#bounded! : this.#both;
    if (kind === 'value and gradient' || kind === 'bounded gradient') {
      return Program.inPieces(heap, both, { inHalves: false });
    }
    if (typeof this.#products !== 'object') throw new NotLowered('a product');
    const { product, isAlone } = productOf(kind);
    const views = this.#products[product];
    if (isAlone) return Program.inPieces(heap, views, { inHalves: true });
    return Program.inPieces(heap, [...both, ...views], { inHalves: true, first: both.length });
  }

  protected override free(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}

/** Which products a program makes, and whether nothing else. */
function productOf(kind: ProductKind | `${'linearized' | 'bounded'} ${ProductKind}`): {
  product: ProductKind;
  isAlone: boolean;
} {
  const product = kind.replace(/^(linearized|bounded) /, '') as ProductKind;
  return { product, isAlone: product === kind };
}

const WITHOUT_TANGENTS: readonly ProgramKind[] = [
  'value',
  'gradient',
  'value and gradient',
  'bounded gradient',
];

function* takesLong(views: readonly View[]): Pausing<boolean> {
  const { early, late } = yield* planned(views);
  return isLong([...early, ...late]);
}

function* anyTakesLong(lists: readonly (readonly View[])[]): Pausing<boolean> {
  let long = false;
  for (const views of lists) {
    yield;
    long = (yield* takesLong(views)) || long;
  }
  return long;
}
