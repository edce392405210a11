import { type Captured, type Prepared, type Recipe, ran } from '../traced';
import type { Flat } from './flat';
import { Layout } from './flat';
import {
  pointOf,
  type RecordedUpdates,
  type RecordLayout,
  recordingOn,
  recordLayout,
  walkOn,
} from './recorded-loops';
import type { FlatSpace } from './space';

/** Steps of a first-order method that were taken in one call and can be walked back in one. */
export interface FlatSteps {
  readonly count: number;
  /** The state after them, the caller's. */
  readonly next: readonly Flat[];
  /**
   * From the adjoints of the state after the steps, and a total in λ, those of the state before and the
   * total with what the steps add; all of them the caller's. An adjoint that is missing counts as zero.
   */
  pull(
    adjoints: readonly (Flat | undefined)[],
    total: Flat,
  ): { adjoints: readonly Flat[]; total: Flat };
  dispose(): void;
}

/** What steps are recorded on. */
export interface Recording {
  space: FlatSpace;
  recipe: Recipe;
  λ: Flat;
  /** What the loss captures, and where its value is put. */
  captured: Captured;
  value: Flat;
}

/**
 * Takes steps and keeps what the way back needs of each.
 *
 * @param numbers those of each step, one after the other: there are as many steps
 * @returns undefined where the first step wants to be looked at by itself, since the loss may not be finite;
 *   fewer steps where that comes later
 */
export function recordSteps(
  recording: Recording,
  updates: RecordedUpdates,
  state: readonly Flat[],
  numbers: readonly number[],
): FlatSteps | undefined {
  const records = new Records(recording, updates, state, numbers);
  const count = records.take();
  if (count === 0) return undefined;
  recording.recipe.retain();
  return {
    count,
    next: records.stateAfter(count),
    pull: (adjoints, total) => records.walkBack(count, adjoints, total),
    dispose: () => {
      if (records.free()) recording.recipe.release();
    },
  };
}

/** The memory in which each step leaves its record. */
class Records {
  readonly #recording: Recording;
  readonly #updates: RecordedUpdates;
  readonly #state: readonly Flat[];
  readonly #layout: Layout;
  readonly #program: ReturnType<Recipe['program']>;
  readonly #record: RecordLayout;
  readonly #moving: ReturnType<ReturnType<Recipe['program']>['placesOf']>;
  /** How many steps fit. */
  readonly #most: number;
  readonly #memory: Flat;
  /** The numbers of the steps. */
  readonly #given: Flat;

  constructor(
    recording: Recording,
    updates: RecordedUpdates,
    state: readonly Flat[],
    numbers: readonly number[],
  ) {
    const { space, recipe, λ } = recording;
    const { layout } = state[0]!;
    this.#recording = recording;
    this.#updates = updates;
    this.#state = state;
    this.#layout = layout;
    this.#program = recipe.program(recipe.steps.pull);
    const sizes = { state: layout.size, parameters: λ.layout.size };
    this.#record = recordLayout(updates, sizes, this.#program.keptBytes);
    this.#moving = this.#program.placesOf(layout.names.length);
    this.#most = numbers.length / updates.numbers;
    const length = this.#most * this.#record.record + this.#record.kept;
    this.#memory = space.keep(space.allocate(ofBytes(length)));
    this.#given = space.keep(space.allocate(ofBytes(4 * numbers.length)));
    space.numbers(this.#given).set(numbers);
  }

  /** Takes as many steps as there are numbers for, or fewer; returns how many, and frees all if there are none. */
  take(): number {
    const { space, value, recipe } = this.#recording;
    const { finite } = recipe.steps;
    for (const [j, { address }] of this.#state.entries()) this.#move(address, this.#vectorAt(0, j));
    const gradient = space.keep(space.allocate(this.#layout));
    let count = 0;
    try {
      const early = this.#prepared('early', 0, [], [value.address, ...gradient.parts()]);
      const run = recordingOn(
        space.heap,
        { early, finite },
        this.#updates,
        this.#record,
        this.#moving,
      );
      const { address } = this.#memory;
      count = run(address, this.#given.address, this.#most, gradient.address, value.address);
      ran(early, count);
    } finally {
      space.free(gradient);
      if (count === 0) this.free();
    }
    return count;
  }

  stateAfter(count: number): Flat[] {
    const { space } = this.#recording;
    return this.#state.map((_, j) => {
      const x = space.keep(space.allocate(this.#layout));
      this.#move(this.#vectorAt(count, j), x.address);
      return x;
    });
  }

  walkBack(count: number, before: readonly (Flat | undefined)[], total: Flat) {
    const { space, λ } = this.#recording;
    const copied = (x: Flat | undefined) =>
      space.keep(x === undefined ? space.zeros(this.#state[0]!) : space.clone(x));
    const [adjoints, sum] = [before.map(copied), copied(total)];
    const own = [
      space.allocate(this.#layout),
      space.allocate(this.#layout),
      space.allocate(λ.layout),
    ] as const;
    space.keep(own);
    const [u, product, mixed] = own;
    try {
      const late = this.#late(count - 1, u, product, mixed);
      walkOn(space.heap, late, this.#updates, this.#record, this.#moving)(
        this.#memory.address + (count - 1) * this.#record.record,
        this.#given.address + 4 * (count - 1) * this.#updates.numbers,
        count,
        u.address,
        product.address,
        mixed.address,
        sum.address,
        ...adjoints.map(({ address }) => address),
      );
      ran(late, count);
      return { adjoints, total: sum };
    } finally {
      space.free(own);
    }
  }

  /** Frees the records; returns whether they were there. */
  free(): boolean {
    if (!this.#memory.alive) return false;
    this.#recording.space.free([this.#memory, this.#given]);
    return true;
  }

  /** The second half of the products at step i: `product ← H u` and `mixed ← Bᵀ u`. */
  #late(i: number, u: Flat, product: Flat, mixed: Flat): Prepared {
    const { sizes } = this.#layout;
    const first = [0, ...sizes.map(() => 0)];
    const nothing = [...sizes, ...this.#recording.λ.layout.sizes].map(() => 0);
    const results = [...first, ...product.parts(), ...mixed.parts()];
    return this.#prepared('late', i, [...nothing, ...u.parts()], results);
  }

  #prepared(half: 'early' | 'late', i: number, rest: readonly number[], out: number[]): Prepared {
    const { λ, captured } = this.#recording;
    const at = this.#memory.address + i * this.#record.record;
    const point = at + pointOf(this.#updates, this.#record);
    const parts = this.#layout.offsets.map((offset) => point + offset);
    const inputs = [...parts, ...λ.parts(), ...captured.addresses, ...rest];
    return this.#program.prepare(half, inputs, at + this.#record.kept, out);
  }

  /** Where vector j of the state before step i is. */
  #vectorAt(i: number, j: number): number {
    return this.#memory.address + i * this.#record.record + j * this.#record.vector;
  }

  #move(from: number, to: number): void {
    this.#recording.space.move(from, to, this.#layout.size);
  }
}

const ofBytes = (bytes: number) => {
  const size = Math.max(1, bytes / 4);
  return new Layout({ records: { shape: [size], size } });
};
