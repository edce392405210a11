import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { isLong } from './cost';
import { Counted } from './counted';
import { makingInPieces } from './counts';
import { planned } from './plan';
import { Program } from './program';
import type { View } from './value';

/**
 * What a program computes: the value, the gradient, both, or products with its derivative; of
 * `linearized` ones the first half gives the value and the gradient too.
 */
export type ProgramKind =
  | 'value'
  | 'gradient'
  | 'value and gradient'
  | ProductKind
  | `linearized ${ProductKind}`;

/** Products with the derivative of a gradient: by all leaves, or backwards to all or some. */
export type ProductKind = 'push' | 'pull' | 'pull to the varied' | 'pull to the rest';

type Outputs = Record<'value' | 'gradient' | ProductKind, readonly View[]>;

const isLinearized = (kind: ProgramKind): kind is `linearized ${ProductKind}` =>
  kind.startsWith('linearized ');

/** The programs of all losses of one structure, made when they are first needed. */
export class Recipe extends Counted {
  /** Whether the gradient or a product takes so long that timers should have a turn within it. */
  readonly isLong: boolean;
  readonly #heap: Heap;
  readonly #outputs: Outputs;
  /** The value and the gradient. */
  readonly #both: readonly View[];
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
    const both = this.#both;
    if (kind === 'value and gradient') return Program.inPieces(heap, both, { inHalves: false });
    if (!isLinearized(kind)) return Program.inPieces(heap, this.#outputs[kind], { inHalves: true });
    const product = this.#outputs[kind.slice('linearized '.length) as ProductKind];
    return Program.inPieces(heap, [...both, ...product], { inHalves: true, first: both.length });
  }

  protected override free(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
