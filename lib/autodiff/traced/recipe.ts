import type { Heap } from '../../backends/wasm/kernels/heap';
import type { View } from './lower';
import { planned } from './plan';
import { Program } from './program';

/** What a program computes: the value, the gradient, or products with its derivative. */
export type ProgramKind = 'value' | 'gradient' | ProductKind;

/** Products with the derivative of a gradient: by all leaves, or backwards to all or some. */
export type ProductKind = 'push' | 'pull' | 'pull to the varied' | 'pull to the rest';

/** The programs of all losses of one structure, made when they are first needed. */
export class Recipe {
  readonly #heap: Heap;
  readonly #outputs: Record<ProgramKind, readonly View[]>;
  readonly #programs = new Map<ProgramKind, Program>();
  #users = 0;
  #dropped = false;

  /** @throws NotLowered where something in it has no loop. */
  constructor(heap: Heap, outputs: Record<ProgramKind, readonly View[]>) {
    this.#heap = heap;
    this.#outputs = outputs;
    for (const kind of ['value', 'gradient', 'push', 'pull'] as const) planned(outputs[kind]);
  }

  program(kind: ProgramKind): Program {
    const known =
      this.#programs.get(kind) ??
      new Program(this.#heap, this.#outputs[kind], kind !== 'gradient' && kind !== 'value');
    this.#programs.set(kind, known);
    return known;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    this.#freeIfUnused();
  }

  /** Frees the programs as soon as no evaluation uses them. */
  drop(): void {
    this.#dropped = true;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (!this.#dropped || this.#users > 0) return;
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
