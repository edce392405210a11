import * as tf from '@tensorflow/tfjs';
import { inFewerKernels } from '../backends';
import { type Pausing, portionOf } from '../event-loop';
import type { End, Graph, Step } from './graph';
import { copy } from './kernels';
import type { Tape } from './tape';
import { Values } from './values';

/** The derivative of one operation at the point where it was recorded. */
export interface LocalDerivative {
  /** Tangents of the active inputs to tangents of the outputs. */
  push(tangents: tf.Tensor[]): tf.Tensor[];
  /**
   * Cotangents of the outputs (`null` for none) to cotangents of the active inputs; one of the
   * latter may be the former handed on.
   */
  pull(cotangents: (tf.Tensor | null)[]): tf.Tensor[];
  /** Computes what both need and keep, so that work can be left after it. */
  prepare?(): void;
  /** Set where `push` takes a detour, so that `pull` is better if either would do. */
  preferPull?: boolean;
}

/** The derivative of an operation; the tape owns what is computed in advance. */
export type Rule = (step: Step, tape: Tape) => LocalDerivative;

/** A linear map from some slots to others. */
export interface Instruction {
  readonly reads: readonly number[];
  /** Without a slot where an output is of no interest. */
  readonly writes: readonly (number | undefined)[];
  readonly preferPull?: boolean | undefined;
  /** Puts tangents into the slots that it writes, from those that it reads. */
  push(values: Values): void;
  /** Adds to the cotangents of the slots that it reads, from those that it writes. */
  pull(values: Values): void;
  /** The same where it takes several kernels that are long; what it holds in between is kept. */
  pushInParts?(values: Values): Pausing<void> | undefined;
  pullInParts?(values: Values): Pausing<void> | undefined;
}

/** A recorded operation by its derivative. */
export class Operation implements Instruction {
  readonly reads: readonly number[];
  readonly writes: readonly (number | undefined)[];
  readonly #derivative: LocalDerivative;

  constructor({ reads, writes }: Step, derivative: LocalDerivative) {
    this.reads = reads;
    this.writes = writes;
    this.#derivative = derivative;
  }

  get preferPull() {
    return this.#derivative.preferPull;
  }

  pushInParts(values: Values): Pausing<void> | undefined {
    return this.#prepared(() => this.push(values));
  }

  pullInParts(values: Values): Pausing<void> | undefined {
    const isZero = this.writes.every((slot) => slot === undefined || !values.get(slot));
    return isZero ? undefined : this.#prepared(() => this.pull(values));
  }

  #prepared(go: () => void): Pausing<void> | undefined {
    const derivative = this.#derivative;
    return derivative.prepare && prepared(derivative, go);
  }

  push(values: Values): void {
    const results = this.#derivative.push(this.reads.map((slot) => values.get(slot)!));
    this.writes.forEach((slot, i) => {
      if (slot !== undefined) values.put(slot, results[i]!);
    });
  }

  pull(values: Values): void {
    const cotangents = this.writes.map((slot) =>
      slot === undefined ? null : (values.get(slot) ?? null),
    );
    if (cotangents.every((u) => u === null)) return;
    const results = this.#derivative.pull(cotangents);
    this.reads.forEach((slot, i) => {
      values.add(slot, results[i]!);
    });
  }
}

function* prepared(derivative: LocalDerivative, go: () => void): Pausing<void> {
  derivative.prepare!();
  yield;
  go();
}

type Slots = (tf.Tensor | undefined)[];

/**
 * The derivative of the recorded path from leaves to targets, as a list of linear instructions.
 *
 * `push` walks the list forwards (J v), `pull` backwards (Jᵀ u). Intermediate results are freed
 * as soon as nothing needs them, so that a backend hands the same warm memory out again.
 */
export class Program {
  readonly preferPull: boolean;
  readonly instructions: readonly Instruction[];
  /** How many slots they use. */
  readonly slots: number;
  /** For each instruction, the slots whose tangent is not read after it. */
  readonly #lastReads: number[][];
  readonly #graph: Graph;

  /** @param graph whose `slots` count those that the instructions use */
  constructor(graph: Graph, instructions: readonly Instruction[]) {
    this.#graph = graph;
    this.slots = graph.slots;
    this.instructions = instructions;
    this.#lastReads = lastReads(graph, instructions);
    this.preferPull = instructions.some((instruction) => instruction.preferPull);
  }

  /** J v: a tangent for each leaf in, one for each target out (`undefined`: zero). */
  push(tangents: readonly tf.Tensor[]): Slots {
    return inTidy(() => atOnce(this.#pushing(tangents)));
  }

  /** Jᵀ u: a cotangent for each target in, one for each leaf out (`undefined`: zero). */
  pull(cotangents: Readonly<Slots>): Slots {
    return inTidy(() => atOnce(this.#pulling(cotangents)));
  }

  /** As `push`, with zeros where the derivative is zero by structure. */
  pushDense(tangents: readonly tf.Tensor[]): tf.Tensor[] {
    return fill(this.push(tangents), this.#graph.targets);
  }

  /** As `pull`, with zeros where the derivative is zero by structure. */
  pullDense(cotangents: Readonly<Slots>): tf.Tensor[] {
    return fill(this.pull(cotangents), this.#graph.leaves);
  }

  /** As `pushDense`, to be left for a while between instructions; what it returns is kept. */
  *pushInPieces(tangents: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    return fill(yield* inPieces(() => this.#pushing(tangents)), this.#graph.targets, tf.keep);
  }

  /** As `pullDense`, to be left for a while between instructions; what it returns is kept. */
  *pullInPieces(cotangents: Readonly<Slots>): Pausing<tf.Tensor[]> {
    return fill(yield* inPieces(() => this.#pulling(cotangents)), this.#graph.leaves, tf.keep);
  }

  #pushing(tangents: readonly tf.Tensor[]): Walk {
    const values = new Values(this.#graph.slots, tangents);
    this.#graph.leaves.forEach((leaf, i) => {
      values.put(leaf.slot!, tangents[i]!);
    });
    return {
      values,
      count: this.instructions.length,
      step: (i) => this.instructions[i]!.push(values),
      parts: (i) => this.instructions[i]!.pushInParts?.(values),
      clear: (i) => {
        for (const slot of this.#lastReads[i]!) values.clear(slot);
      },
      results: () => distinct(this.#graph.targets.map(at(values)), tangents),
    };
  }

  #pulling(cotangents: Readonly<Slots>): Walk {
    const values = new Values(this.#graph.slots, cotangents);
    this.#graph.targets.forEach(({ slot }, i) => {
      const cotangent = cotangents[i];
      if (slot !== undefined && cotangent !== undefined) values.add(slot, cotangent);
    });
    const last = this.instructions.length - 1;
    return {
      values,
      count: this.instructions.length,
      step: (i) => this.instructions[last - i]!.pull(values),
      parts: (i) => this.instructions[last - i]!.pullInParts?.(values),
      clear: (i) => {
        for (const slot of this.instructions[last - i]!.writes) {
          if (slot !== undefined) values.clear(slot);
        }
      },
      results: () => distinct(this.#graph.leaves.map(at(values)), cotangents),
    };
  }
}

/** A way through the instructions of a program, step by step. */
interface Walk {
  values: Values;
  count: number;
  step(i: number): void;
  /** The same step, where it has parts. */
  parts(i: number): Pausing<void> | undefined;
  /** Frees what nothing needs after a step. */
  clear(i: number): void;
  /** After the last step. */
  results(): Slots;
}

function atOnce({ step, clear, count, results }: Walk): Slots {
  for (let i = 0; i < count; i++) {
    step(i);
    clear(i);
  }
  return results();
}

/** The steps of a walk, to be left after each, and between the parts of one that has them. */
function* stepsOf({ step, parts, clear, count }: Walk): Pausing<void> {
  for (let i = 0; i < count; i++) {
    if (i > 0) yield;
    const inParts = parts(i);
    if (inParts) yield* inParts;
    else step(i);
    clear(i);
  }
}

/** Walks in portions of some milliseconds; what is in the slots between two of them is kept. */
function* inPieces(begin: () => Walk): Pausing<Slots> {
  let walk: Walk | undefined;
  let steps: Pausing<void> | undefined;
  let results: Slots = [];
  let isDone = false;
  try {
    for (;;) {
      inTidy(() => {
        walk ??= begin();
        steps ??= stepsOf(walk);
        isDone = portionOf(steps);
        walk.values.keep();
        if (!isDone) return;
        results = walk.results();
        for (const result of results) if (result !== undefined) tf.keep(result);
      });
      if (isDone) return results;
      yield;
    }
  } finally {
    steps?.return();
    walk?.values.dispose(results);
  }
}

function lastReads(graph: Graph, instructions: readonly Instruction[]): number[][] {
  const seen = new Set<number | undefined>(
    [...graph.leaves, ...graph.targets].map(({ slot }) => slot),
  );
  return instructions
    .toReversed()
    .map(({ reads, writes }) => {
      const last = new Set<number>();
      for (const slot of [...reads, ...writes]) {
        if (slot !== undefined && !seen.has(slot)) last.add(slot);
        seen.add(slot);
      }
      return [...last];
    })
    .toReversed();
}

const at = (values: Values) => (end: End) =>
  end.slot === undefined ? undefined : values.get(end.slot);

const fill = (values: Slots, ends: End[], own = (x: tf.Tensor) => x) =>
  values.map((value, i) => value ?? own(tf.zeros(ends[i]!.shape)));

/** Copies what the caller would otherwise get twice, or get back as given. */
function distinct(values: Slots, given: Readonly<Slots>): Slots {
  const seen = new Set(given);
  return values.map((value) => {
    if (value !== undefined && seen.has(value)) return copy(value);
    seen.add(value);
    return value;
  });
}

/** `tf.tidy` for lists with holes, around kernels of which the GPU gets as few as possible. */
const inTidy = <T>(f: () => T): T =>
  inFewerKernels(() => tf.tidy(f as () => tf.TensorContainer) as T);
