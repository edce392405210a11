import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { isLong } from './cost';
import { Counted } from './counted';
import { makingInPieces } from './counts';
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

type Outputs = Record<'value' | 'gradient' | ProductKind, readonly View[]>;

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
  /** Whether the gradient or a product takes so long that timers should have a turn within it. */
  readonly isLong: boolean;
  readonly #heap: Heap;
  readonly #outputs: Outputs;
  /** The value and the gradient. */
  readonly #both: readonly View[];
  /** A bound of the value, and the gradient; undefined where that takes no less time, null if not known yet. */
  #bounded: readonly View[] | undefined | null = null;
  readonly #programs = new Map<ProgramKind, Program>();

  /** @throws NotLowered where something in it has no loop. */
  static *inPieces(heap: Heap, outputs: Outputs): Pausing<Recipe> {
    let long = false;
    const both = [...outputs.value, ...outputs.gradient];
    for (const views of [both, outputs.push, outputs.pull]) {
      yield;
      const { early, late } = yield* planned(views);
      long ||= isLong([...early, ...late]);
    }
    return new Recipe(heap, outputs, both, long);
  }

  private constructor(heap: Heap, outputs: Outputs, both: readonly View[], long: boolean) {
    super();
    this.#heap = heap;
    this.#outputs = outputs;
    this.#both = both;
    this.isLong = long;
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
    const bound = boundOfLoss(this.#outputs.value[0]!);
    if (bound === undefined) return undefined;
    const views = [bound, ...this.#outputs.gradient];
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
      return Program.inPieces(heap, this.#outputs[kind], { inHalves: false });
    }
    const both = kind.startsWith('bounded ') ? this.#bounded! : this.#both;
    if (kind === 'value and gradient' || kind === 'bounded gradient') {
      return Program.inPieces(heap, both, { inHalves: false });
    }
    const { product, isAlone } = productOf(kind);
    const views = this.#outputs[product];
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
