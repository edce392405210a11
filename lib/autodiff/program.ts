import * as tf from '@tensorflow/tfjs';
import { inFewerKernels } from '../backends';
import { type Pausing, portion } from '../event-loop';
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
    return inTidy(() => {
      const { step, count, results } = this.#pushing(tangents);
      for (let i = 0; i < count; i++) step(i);
      return results();
    });
  }

  /** Jᵀ u: a cotangent for each target in, one for each leaf out (`undefined`: zero). */
  pull(cotangents: Readonly<Slots>): Slots {
    return inTidy(() => {
      const { step, count, results } = this.#pulling(cotangents);
      for (let i = 0; i < count; i++) step(i);
      return results();
    });
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
      step: (i) => {
        this.instructions[i]!.push(values);
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
      step: (i) => {
        const instruction = this.instructions[last - i]!;
        instruction.pull(values);
        for (const slot of instruction.writes) if (slot !== undefined) values.clear(slot);
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
  /** After the last step. */
  results(): Slots;
}

/** Walks in portions of some milliseconds; what is in the slots between two of them is kept. */
function* inPieces(begin: () => Walk): Pausing<Slots> {
  let walk: Walk | undefined;
  let results: Slots = [];
  try {
    let done = 0;
    do {
      if (done > 0) yield;
      inTidy(() => {
        walk ??= begin();
        done = portion(done, walk.count, walk.step);
        walk.values.keep();
        if (done < walk.count) return;
        results = walk.results();
        for (const result of results) if (result !== undefined) tf.keep(result);
      });
    } while (done < walk!.count);
    return results;
  } finally {
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
