import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { workOf } from '../../backends/wasm/products';
import { threadsOf } from '../../backends/wasm/threads/pool';
import { type Pausing, stepByStep } from '../../event-loop';
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
  /** Bytes from the start of the scratch memory, or of what is kept; of constants too; else a number in order. */
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

/** Where a constant is put: bytes from the start of all constants. */
interface Constant {
  at: number;
  value: NonNullable<Value['constant']>;
}

/** The places of all values of a program, and of the memory in which its products work. */
export class Layout {
  readonly #plan: Plan;
  readonly #halves: Halves;
  /** What the second half reads, or hands out. */
  readonly #needed: ReadonlySet<Value>;
  readonly #indices = new Map<Value, number>();
  readonly #places: Place[] = [];
  readonly #constants: Constant[] = [];
  #constantBytes = 0;
  /** The place where a product works. */
  work = 0;
  /** Bytes of scratch memory. */
  scratch = 0;
  /** Bytes kept from the first half for the second. */
  keptBytes = 0;
  /** What has to be copied to the outputs, and to which. */
  copies: readonly { step: Step; at: number }[] = [];
  /** What is done in blocks of rows, of the steps before the tangents and of those after. */
  readonly sections: { early: readonly Section[]; late: readonly Section[] };

  /** Lays out a plan, to be left for a while; no memory is taken. */
  static *inPieces(heap: Heap, plan: Plan, halves: Halves): Pausing<Layout> {
    const layout = new Layout(heap, plan, halves);
    yield* layout.#all();
    return layout;
  }

  private constructor(heap: Heap, plan: Plan, halves: Halves) {
    this.#plan = plan;
    this.#halves = halves;
    this.#needed = this.#neededLate();
    const handedOut = new Set(plan.outputs.map(({ value }) => value));
    const neededAfter = (value: Value) => this.#needed.has(value) || handedOut.has(value);
    const threads = threadsOf(heap);
    this.sections = {
      early: sectionsOf(plan.early, neededAfter, threads),
      late: sectionsOf(plan.late, (value) => handedOut.has(value), threads),
    };
  }

  *#all(): Pausing<void> {
    const { inHalves, first = 0 } = this.#halves;
    const plan = this.#plan;
    const needed = this.#needed;
    plan.outputs.forEach(({ value, own }, i) => {
      const isInPlace = i < first ? !needed.has(value) : value.late === inHalves;
      if (own && isInPlace) this.#place(value, { where: 'output', at: i });
    });
    yield;
    const scratch = yield* this.#lay(needed);
    const products = [...plan.early, ...plan.late].filter((step) => step.kind === 'product');
    this.work = this.#places.push({ where: 'scratch', at: scratch }) - 1;
    this.scratch = scratch + aligned(Math.max(0, ...products.map(workOf)));
    this.copies = this.#copies();
  }

  /** All places, each at its index. */
  get places(): readonly Place[] {
    return this.#places;
  }

  indexOf(value: Value): number {
    return this.#indices.get(value)!;
  }

  /** Bytes of all constants. */
  get constantBytes(): number {
    return this.#constantBytes;
  }

  /** Puts the constants into memory, from an address on. */
  writeConstants(heap: Heap, address: number): void {
    for (const { at, value } of this.#constants) {
      const to = new Uint8Array(memoryOf(heap).buffer, address + at, value.byteLength);
      to.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
  }

  #place(value: Value, place: Place): number {
    const known = this.#indices.get(value);
    if (known !== undefined) return known;
    const index = this.#places.push(place) - 1;
    this.#indices.set(value, index);
    return index;
  }

  #constant(value: NonNullable<Value['constant']>): number {
    const at = this.#constantBytes;
    this.#constants.push({ at, value });
    this.#constantBytes += aligned(value.byteLength);
    return at;
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

  /**
   * Gives each value its place: kept where the second half needs it, else in memory that is used again;
   * returns how much of that there is.
   */
  *#lay(needed: ReadonlySet<Value>): Pausing<number> {
    const { early, late, outputs } = this.#plan;
    for (const steps of [early, late]) {
      yield* stepByStep(steps.length, (i) => {
        for (const { value } of operandsOf(steps[i]!)) this.#placeGiven(value);
      });
    }
    for (const { value } of outputs) this.#placeGiven(value);
    for (const { out } of early) {
      if (!needed.has(out) || this.#indices.has(out)) continue;
      this.#place(out, { where: 'kept', at: this.keptBytes });
      this.keptBytes += aligned(4 * out.size);
    }
    const handedOut = new Set(outputs.map(({ value }) => value));
    const ofEarly = yield* this.#scratchOf(early, this.sections.early, handedOut);
    return Math.max(ofEarly, yield* this.#scratchOf(late, this.sections.late, handedOut));
  }

  #placeGiven(value: Value): void {
    if (value.given !== undefined) this.#place(value, { where: 'given', at: value.given });
    else if (value.constant !== undefined && !this.#indices.has(value)) {
      this.#place(value, { where: 'constant', at: this.#constant(value.constant) });
    }
  }

  /** First fit; a place is free again after the last step that reads it, or all blocks of that. */
  *#scratchOf(
    steps: readonly Step[],
    sections: readonly Section[],
    handedOut: ReadonlySet<Value>,
  ): Pausing<number> {
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
    const taken = new Taken();
    const take = (out: Value, bytes: number, i: number) => {
      taken.release(i);
      const at = taken.take(bytes, lastRead.get(out) ?? i);
      this.#place(out, { where: 'scratch', at });
    };
    yield* stepByStep(steps.length, (i) => {
      const { out, kind } = steps[i]!;
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
    return taken.most;
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

/** Memory that is taken until some step, in the order of where it is. */
class Taken {
  #ranges: { from: number; to: number; until: number }[] = [];
  /** How many bytes were taken at most. */
  most = 0;

  /** Gives up what no step from the given one on reads. */
  release(step: number): void {
    const ranges = this.#ranges;
    let left = 0;
    for (const range of ranges) if (range.until >= step) ranges[left++] = range;
    ranges.length = left;
  }

  /** Takes the first gap that is large enough; returns where it begins. */
  take(bytes: number, until: number): number {
    const ranges = this.#ranges;
    let [at, next] = [0, 0];
    for (; next < ranges.length; next++) {
      const { from, to } = ranges[next]!;
      if (from - at >= bytes) break;
      at = Math.max(at, to);
    }
    ranges.splice(next, 0, { from: at, to: at + bytes, until });
    this.most = Math.max(this.most, at + bytes);
    return at;
  }
}
