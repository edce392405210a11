import { type Prepared, type Recipe, ran } from '../traced';
import type { Flat } from './flat';
import { Layout } from './flat';
import { pointOf, type RecordedUpdates, recordingOn, recordLayout, walkOn } from './recorded-loops';
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
  /** The addresses of what the loss captures, and where its value is put. */
  captured: readonly number[];
  value: Flat;
}

/**
 * Takes steps and keeps what the way back needs of each.
 *
 * @param numbers those of each step, one after the other: there are as many steps
 * @returns undefined where the first step wants to be looked at by itself, since the loss is not finite;
 *   fewer steps where that comes later
 */
export function recordSteps(
  { space, recipe, λ, captured, value }: Recording,
  updates: RecordedUpdates,
  state: readonly Flat[],
  numbers: readonly number[],
): FlatSteps | undefined {
  const { layout } = state[0]!;
  const program = recipe.program('linearized pull');
  const sizes = { state: layout.size, parameters: λ.layout.size };
  const record = recordLayout(updates, sizes, program.keptBytes);
  const moving = program.placesOf(layout.names.length);
  const most = numbers.length / updates.numbers;
  const length = most * record.record + record.kept;
  const memory = space.keep(space.allocate(ofBytes(length)));
  const given = space.keep(space.allocate(ofBytes(4 * numbers.length)));
  const parts = (address: number) => layout.offsets.map((offset) => address + offset);
  const prepared = (half: 'early' | 'late', i: number, rest: readonly number[], out: number[]) => {
    const at = memory.address + i * record.record;
    const point = parts(at + pointOf(updates, record));
    const inputs = [...point, ...λ.parts(), ...captured, ...rest];
    return program.prepare(half, inputs, at + record.kept, out);
  };
  const vectorsAt = (i: number) =>
    state.map((_, j) => memory.address + i * record.record + j * record.vector);
  const moved = (from: number, to: number) => space.move(from, to, layout.size);

  space.numbers(given).set(numbers);
  for (const [j, { address }] of state.entries()) moved(address, vectorsAt(0)[j]!);
  const gradient = space.keep(space.allocate(layout));
  let count = 0;
  try {
    const early = prepared('early', 0, [], [value.address, ...gradient.parts()]);
    const run = recordingOn(space.heap, early, updates, record, moving);
    count = run(memory.address, given.address, most, gradient.address, value.address);
    ran(early, count);
  } finally {
    space.free(gradient);
    if (count === 0) space.free([memory, given]);
  }
  if (count === 0) return undefined;
  recipe.retain();
  const next = state.map((_, j) => {
    const x = space.keep(space.allocate(layout));
    moved(vectorsAt(count)[j]!, x.address);
    return x;
  });
  return {
    count,
    next,
    pull(before, total) {
      const copied = (x: Flat | undefined) =>
        space.keep(x === undefined ? space.zeros(state[0]!) : space.clone(x));
      const [adjoints, sum] = [before.map(copied), copied(total)];
      const own = [space.allocate(layout), space.allocate(layout), space.allocate(λ.layout)];
      space.keep(own);
      const [u, product, mixed] = own as [Flat, Flat, Flat];
      try {
        const first = [0, ...layout.sizes.map(() => 0)];
        const nothing = [...layout.sizes, ...λ.layout.sizes].map(() => 0);
        const results = [...first, ...product.parts(), ...mixed.parts()];
        const late: Prepared = prepared('late', count - 1, [...nothing, ...u.parts()], results);
        walkOn(space.heap, late, updates, record, moving)(
          memory.address + (count - 1) * record.record,
          given.address + 4 * (count - 1) * updates.numbers,
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
    },
    dispose() {
      if (!memory.alive) return;
      space.free([memory, given]);
      recipe.release();
    },
  };
}

const ofBytes = (bytes: number) => {
  const size = Math.max(1, bytes / 4);
  return new Layout({ records: { shape: [size], size } });
};
