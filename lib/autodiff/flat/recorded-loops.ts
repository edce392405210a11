import {
  FunctionBody,
  type Imported,
  instantiated,
  type Local,
} from '../../backends/wasm/assembler';
import { type Formula, type Update, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';

/**
 * A step that can be walked back, entry by entry. Vectors are places: those of the state in order, the
 * gradient, the point where it is taken; then those of the next state, or their adjoints, and after
 * these `H u`.
 */
export interface RecordedUpdates {
  /** How many vectors the state has. */
  state: number;
  /** How many numbers a step has. */
  numbers: number;
  /** Where the gradient is taken: a vector of the state, or what is computed of the state. */
  point: number | Formula;
  /** The next state. */
  next: readonly Formula[];
  /** The adjoint of the gradient. */
  ofGradient: Formula;
  /** The adjoints of the state. */
  before: readonly Formula[];
  /** Whether the way back reads the gradient. */
  readsGradient: boolean;
}

/** How the steps lie in memory, one record after the other; in bytes. */
export interface RecordLayout {
  /** The numbers of a vector of the state, and those of the hyperparameters. */
  bytes: number;
  parameterBytes: number;
  /** From one vector of a record to the next, and from one record to the next. */
  vector: number;
  record: number;
  /** Where what the program keeps begins in a record. */
  kept: number;
}

const ALIGNMENT = 16;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A record: the state, the gradient if it is read, the point if it is none of the state, what is kept. */
export function recordLayout(
  { state, point, readsGradient }: RecordedUpdates,
  sizes: { state: number; parameters: number },
  keptBytes: number,
): RecordLayout {
  const vector = aligned(4 * sizes.state);
  const vectors = state + (readsGradient ? 1 : 0) + (typeof point === 'number' ? 0 : 1);
  const kept = vectors * vector;
  const record = kept + aligned(keptBytes);
  return { bytes: 4 * sizes.state, parameterBytes: 4 * sizes.parameters, vector, record, kept };
}

/** Where the point of a record is. */
export const pointOf = ({ state, point }: RecordedUpdates, { vector }: RecordLayout): number =>
  vector * (typeof point === 'number' ? point : state);

/**
 * Takes steps in one call and leaves a record of each, as long as the loss is certainly finite: from the
 * record of the first one on, whose state is there; returns how many.
 */
export type RunRecorded = (
  record: number,
  numbers: number,
  count: number,
  gradient: number,
  value: number,
) => number;

/**
 * Walks steps back in one call, from the record of the last one on. The adjoints of the state after it
 * become those of the state before the first one, and what the steps add is added to the total.
 */
export type RunBack = (
  record: number,
  numbers: number,
  count: number,
  u: number,
  product: number,
  mixed: number,
  total: number,
  ...adjoints: number[]
) => void;

const made = new WeakMap<Imported, Map<string, unknown>>();

function known<T>(of: Imported, word: string, make: () => T): T {
  const functions = (made.get(of) ?? new Map<string, unknown>()) as Map<string, T>;
  made.set(of, functions);
  const found = functions.get(word) ?? make();
  functions.set(word, found);
  return found;
}

/**
 * @param finite the loss is finite where the number that the program gives is less than this in size
 * @param moving where the addresses are that go from record to record
 */
export function recordingOn(
  heap: Heap,
  { early, finite }: { early: Prepared; finite: number },
  updates: RecordedUpdates,
  layout: RecordLayout,
  moving: readonly number[],
): RunRecorded {
  return known(early.sequence, `forwards ${JSON.stringify([updates, layout, moving])}`, () =>
    forwards(heap, { early, finite }, updates, layout, moving),
  );
}

/** @param moving where the addresses are that go from record to record */
export function walkOn(
  heap: Heap,
  late: Prepared,
  updates: RecordedUpdates,
  layout: RecordLayout,
  moving: readonly number[],
): RunBack {
  return known(late.sequence, `back ${JSON.stringify([updates, layout, moving])}`, () =>
    backwards(heap, late, updates, layout, moving),
  );
}

/** A function around a program, with the updates that it calls. */
class Steps {
  readonly f: FunctionBody;
  readonly #heap: Heap;
  readonly #imports: Imported[];
  readonly #program: Prepared;
  readonly #moving: readonly number[];

  constructor(f: FunctionBody, heap: Heap, program: Prepared, moving: readonly number[]) {
    this.f = f;
    this.#heap = heap;
    this.#program = program;
    this.#moving = moving;
    this.#imports = [program.sequence];
  }

  runProgram(): void {
    this.f.i32(this.#program.table).call(this.#program.sequence);
  }

  /** Calls an update on vectors of the given number of bytes, whose addresses are put on the stack one by one. */
  update(
    bytes: number,
    numbers: Local,
    { outputs, ...counts }: Update,
    addresses: readonly (() => void)[],
  ): void {
    const found = updateOn(this.#heap, { ...counts, outputs });
    if (!this.#imports.includes(found)) this.#imports.push(found);
    this.f.i32(bytes).get(numbers);
    for (const address of addresses) address();
    this.f.call(found);
  }

  /** Moves what goes from record to record. */
  move(by: number): void {
    for (const at of this.#moving) {
      this.f.i32(at).i32(at).memory('i32.load').i32(by).do('i32.add').memory('i32.store');
    }
  }

  finished(): (...values: number[]) => number {
    return instantiated(memoryOf(this.#heap), [this.f], this.#imports)[this.f.name]!;
  }
}

function forwards(
  heap: Heap,
  { early, finite }: { early: Prepared; finite: number },
  updates: RecordedUpdates,
  layout: RecordLayout,
  moving: readonly number[],
): RunRecorded {
  const { state, numbers, point, next, readsGradient } = updates;
  const f = new FunctionBody('record', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  const [record, from, count, gradient, value] = f.parameters as [
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const done = f.local('i32');
  const steps = new Steps(f, heap, early, moving);
  const inRecord = (offset: number) => () => {
    f.get(record).i32(offset).do('i32.add');
  };
  const places = Array.from({ length: state }, (_, i) => i);
  const kept = layout.vector * (typeof point === 'number' ? state : state + 1);
  const addresses = [
    ...places.map((i) => inRecord(layout.vector * i)),
    () => f.get(gradient),
    inRecord(pointOf(updates, layout)),
    ...places.map((i) => inRecord(layout.record + layout.vector * i)),
    // A copy of the gradient; else a place that nothing is written to.
    inRecord(readsGradient ? kept : 0),
  ];
  const update = (outputs: Update['outputs']) =>
    steps.update(layout.bytes, from, { vectors: 2 * state + 3, numbers, outputs }, addresses);
  f.block((end) => {
    f.loop((again) => {
      f.get(done, count).do('i32.ge_u').brIf(end);
      if (typeof point !== 'number') update([{ to: state + 1, formula: point }]);
      steps.runProgram();
      f.get(value).memory('f32.load').do('f32.abs');
      f.f32(finite).do('f32.lt', 'i32.eqz').brIf(end);
      update([
        ...next.map((formula, i) => ({ to: state + 2 + i, formula })),
        ...(readsGradient
          ? [{ to: 2 * state + 2, formula: { kind: 'vector', index: state } as const }]
          : []),
      ]);
      f.advance(done, 1)
        .advance(record, layout.record)
        .advance(from, 4 * numbers);
      steps.move(layout.record);
      f.br(again);
    });
  });
  f.get(done);
  return steps.finished() as RunRecorded;
}

const SUM: Formula = {
  kind: 'apply',
  name: 'add',
  of: [
    { kind: 'vector', index: 0 },
    { kind: 'vector', index: 1 },
  ],
};

function backwards(
  heap: Heap,
  program: Prepared,
  updates: RecordedUpdates,
  layout: RecordLayout,
  moving: readonly number[],
): RunBack {
  const { state, numbers, point, ofGradient, before } = updates;
  const f = new FunctionBody('back', {
    parameters: Array.from({ length: 7 + state }, () => 'i32' as const),
    results: [],
  });
  const [record, from, count, u, product, mixed, total, ...adjoints] = f.parameters as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    ...Local[],
  ];
  const steps = new Steps(f, heap, program, moving);
  const inRecord = (offset: number) => () => {
    f.get(record).i32(offset).do('i32.add');
  };
  const places = Array.from({ length: state }, (_, i) => i);
  const addresses = [
    ...places.map((i) => inRecord(layout.vector * i)),
    inRecord(layout.vector * (typeof point === 'number' ? state : state + 1)),
    inRecord(pointOf(updates, layout)),
    ...adjoints.map((adjoint) => () => f.get(adjoint)),
    () => f.get(product),
    () => f.get(u),
  ];
  const update = (outputs: Update['outputs']) =>
    steps.update(layout.bytes, from, { vectors: 2 * state + 4, numbers, outputs }, addresses);
  f.block((end) => {
    f.loop((again) => {
      f.get(count).do('i32.eqz').brIf(end);
      update([{ to: 2 * state + 3, formula: ofGradient }]);
      steps.runProgram();
      update(before.map((formula, i) => ({ to: state + 2 + i, formula })));
      const sum = { vectors: 2, numbers: 0, outputs: [{ to: 0, formula: SUM }] };
      steps.update(layout.parameterBytes, from, sum, [() => f.get(total), () => f.get(mixed)]);
      f.advance(count, -1)
        .advance(record, -layout.record)
        .advance(from, -4 * numbers);
      steps.move(-layout.record);
      f.br(again);
    });
  });
  return steps.finished();
}
