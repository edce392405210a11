import type { Heap } from '../../backends/wasm/kernels/heap';
import type { Pausing } from '../../event-loop';
import { isLong } from './cost';
import { Counted } from './counted';
import { making } from './counts';
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
  readonly #programs = new Map<ProgramKind, Program>();

  /** @throws NotLowered where something in it has no loop. */
  static *inPieces(heap: Heap, outputs: Outputs): Pausing<Recipe> {
    let long = false;
    for (const kind of ['value', 'gradient', 'push', 'pull'] as const) {
      yield;
      const { early, late } = planned(outputs[kind]);
      long ||= isLong([...early, ...late]);
    }
    return new Recipe(heap, outputs, long);
  }

  private constructor(heap: Heap, outputs: Outputs, long: boolean) {
    super();
    this.#heap = heap;
    this.#outputs = outputs;
    this.isLong = long;
  }

  program(kind: ProgramKind): Program {
    const known = this.#programs.get(kind) ?? making(() => this.#made(kind));
    this.#programs.set(kind, known);
    return known;
  }

  #made(kind: ProgramKind): Program {
    const heap = this.#heap;
    const { value, gradient, ...products } = this.#outputs;
    if (kind === 'value' || kind === 'gradient') {
      return new Program(heap, this.#outputs[kind], { inHalves: false });
    }
    const both = [...value, ...gradient];
    if (kind === 'value and gradient') return new Program(heap, both, { inHalves: false });
    if (!isLinearized(kind)) return new Program(heap, products[kind], { inHalves: true });
    const product = products[kind.slice('linearized '.length) as ProductKind];
    return new Program(heap, [...both, ...product], { inHalves: true, first: both.length });
  }

  protected override free(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
