import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { workOf } from '../../backends/wasm/products';
import { threadsOf } from '../../backends/wasm/threads/pool';
import type { Plan } from './plan';
import { type Section, sectionsOf } from './row-blocks';
import { copyStep, operandsOf, type Step } from './steps';
import type { Value } from './value';

/**
 * Where a value is while a program runs; what a kernel made stays where the kernel has put it, unless
 * it is kept or handed out.
 */
export interface Place {
  where: 'given' | 'constant' | 'scratch' | 'kept' | 'output' | 'made';
  /** Bytes from the start of the scratch memory, or of what is kept; else a number in order. */
  at: number;
}

export interface Halves {
  /** Whether tangents are handed over apart, as often as wanted. */
  inHalves: boolean;
  /** How many of the outputs, from the first on, the first half hands out. */
  first?: number;
}

const ALIGNMENT = 16;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** The places of all values of a program, and of the memory in which its products work. */
export class Layout {
  readonly #heap: Heap;
  readonly #plan: Plan;
  readonly #halves: Halves;
  readonly #indices = new Map<Value, number>();
  readonly #places: Place[] = [];
  readonly #constants: number[] = [];
  /** The place where a product works. */
  readonly work: number;
  /** Bytes of scratch memory. */
  readonly scratch: number;
  /** Bytes kept from the first half for the second. */
  readonly keptBytes: number;
  /** What has to be copied to the outputs, and to which. */
  readonly copies: readonly { step: Step; at: number }[];
  /** What is done in blocks of rows, of the steps before the tangents and of those after. */
  readonly sections: { early: readonly Section[]; late: readonly Section[] };

  constructor(heap: Heap, plan: Plan, halves: Halves) {
    const { inHalves, first = 0 } = halves;
    this.#heap = heap;
    this.#plan = plan;
    this.#halves = halves;
    const needed = this.#neededLate();
    const handedOut = new Set(plan.outputs.map(({ value }) => value));
    const neededAfter = (value: Value) => needed.has(value) || handedOut.has(value);
    const threads = threadsOf(heap);
    this.sections = {
      early: sectionsOf(plan.early, neededAfter, threads),
      late: sectionsOf(plan.late, (value) => handedOut.has(value), threads),
    };
    plan.outputs.forEach(({ value, own }, i) => {
      const isInPlace = i < first ? !needed.has(value) : value.late === inHalves;
      if (own && isInPlace) this.#place(value, { where: 'output', at: i });
    });
    const { scratch, kept } = this.#lay(needed);
    const products = [...plan.early, ...plan.late].filter((step) => step.kind === 'product');
    this.work = this.#places.push({ where: 'scratch', at: scratch }) - 1;
    this.scratch = scratch + aligned(Math.max(0, ...products.map(workOf)));
    this.keptBytes = kept;
    this.copies = this.#copies();
  }

  /** All places, each at its index. */
  get places(): readonly Place[] {
    return this.#places;
  }

  indexOf(value: Value): number {
    return this.#indices.get(value)!;
  }

  freeConstants(): void {
    for (const address of this.#constants) this.#heap.wasm._free(address);
    this.#constants.length = 0;
  }

  #place(value: Value, place: Place): number {
    const known = this.#indices.get(value);
    if (known !== undefined) return known;
    const index = this.#places.push(place) - 1;
    this.#indices.set(value, index);
    return index;
  }

  #constant({ buffer, byteOffset, byteLength }: NonNullable<Value['constant']>): number {
    const address = this.#heap.wasm._malloc(Math.max(4, byteLength));
    const to = new Uint8Array(memoryOf(this.#heap).buffer, address, byteLength);
    to.set(new Uint8Array(buffer, byteOffset, byteLength));
    this.#constants.push(address);
    return address;
  }

  /** What the second half reads, or hands out. */
  #neededLate(): ReadonlySet<Value> {
    const { late, outputs } = this.#plan;
    const needed = new Set<Value>();
    for (const step of late) for (const { value } of operandsOf(step)) needed.add(value);
    if (this.#halves.inHalves)
      for (const { value } of outputs.slice(this.#halves.first ?? 0)) needed.add(value);
    return needed;
  }

  /** Gives each value its place: kept where the second half needs it, else in memory that is used again. */
  #lay(needed: ReadonlySet<Value>): { scratch: number; kept: number } {
    const { early, late, outputs } = this.#plan;
    let kept = 0;
    for (const step of [...early, ...late]) {
      for (const { value } of operandsOf(step)) this.#placeGiven(value);
    }
    for (const { value } of outputs) this.#placeGiven(value);
    for (const { out } of early) {
      if (!needed.has(out) || this.#indices.has(out)) continue;
      this.#place(out, { where: 'kept', at: kept });
      kept += aligned(4 * out.size);
    }
    const handedOut = new Set(outputs.map(({ value }) => value));
    const scratch = Math.max(
      this.#scratchOf(early, this.sections.early, handedOut),
      this.#scratchOf(late, this.sections.late, handedOut),
    );
    return { scratch, kept };
  }

  #placeGiven(value: Value): void {
    if (value.given !== undefined) this.#place(value, { where: 'given', at: value.given });
    else if (value.constant !== undefined && !this.#indices.has(value)) {
      this.#place(value, { where: 'constant', at: this.#constant(value.constant) });
    }
  }

  /** First fit; a place is free again after the last step that reads it, or all blocks of that. */
  #scratchOf(
    steps: readonly Step[],
    sections: readonly Section[],
    handedOut: ReadonlySet<Value>,
  ): number {
    const sectionOf = (i: number) => sections.find(({ from, to }) => from <= i && i < to);
    const lastRead = new Map<Value, number>();
    steps.forEach((step, i) => {
      const section = sectionOf(i);
      for (const { value } of operandsOf(step)) {
        const isWhole = section !== undefined && !section.within.has(value);
        lastRead.set(value, isWhole ? section.to - 1 : i);
      }
    });
    for (const value of handedOut) lastRead.set(value, steps.length);
    const taken: { from: number; to: number; until: number }[] = [];
    let most = 0;
    const take = (out: Value, bytes: number, i: number) => {
      for (let j = taken.length - 1; j >= 0; j--) if (taken[j]!.until < i) taken.splice(j, 1);
      taken.sort((a, b) => a.from - b.from);
      let at = 0;
      for (const { from, to } of taken) {
        if (from - at >= bytes) break;
        at = Math.max(at, to);
      }
      taken.push({ from: at, to: at + bytes, until: lastRead.get(out) ?? i });
      most = Math.max(most, at + bytes);
      this.#place(out, { where: 'scratch', at });
    };
    steps.forEach(({ out, kind }, i) => {
      const section = sectionOf(i);
      if (section?.from === i) {
        // Written block by block, so it is in use from the first step on.
        for (const { out } of steps.slice(i, section.to)) {
          if (!section.within.has(out) && !this.#indices.has(out)) {
            take(out, aligned(4 * out.size), i);
          }
        }
      }
      if (this.#indices.has(out)) return;
      if (kind === 'kernel') {
        this.#place(out, { where: 'made', at: 0 });
        return;
      }
      const size = section === undefined ? out.size : (out.size / section.rows) * section.atOnce;
      take(out, aligned(4 * size), i);
    });
    return most;
  }

  /** What is handed out though it is given, constant, or handed out already. */
  #copies(): { step: Step; at: number }[] {
    return this.#plan.outputs.flatMap(({ value }, i) => {
      const index = this.#indices.get(value);
      const place = index === undefined ? undefined : this.#places[index]!;
      if (place?.where === 'output' && place.at === i) return [];
      const out: Value = { size: value.size, late: value.late };
      this.#place(out, { where: 'output', at: i });
      return [{ step: copyStep(value.uniform ?? { value, from: 0 }, out), at: i }];
    });
  }
}
