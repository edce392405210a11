import * as tf from '@tensorflow/tfjs';
import type { End, Graph, Step } from './graph';
import { add, copy } from './kernels';
import type { Tape } from './tape';

/** The derivative of one operation at the point where it was recorded. */
export interface LocalDerivative {
  /** Tangents of the active inputs to tangents of the outputs. */
  push(tangents: tf.Tensor[]): tf.Tensor[];
  /**
   * Cotangents of the outputs (`null` for none) to cotangents of the active inputs; one of the
   * latter may be the former handed on.
   */
  pull(cotangents: (tf.Tensor | null)[]): tf.Tensor[];
  /** Set where `push` is roundabout and `pull` is to be preferred if either would do. */
  roundabout?: boolean;
}

/** How an operation becomes its derivative; what it computes beforehand, the tape owns. */
export type Rule = (step: Step, tape: Tape) => LocalDerivative;

interface Instruction extends LocalDerivative {
  reads: number[];
  writes: (number | undefined)[];
  /** Slots whose tangent nobody reads after this instruction. */
  lastReads: number[];
}

type Slots = (tf.Tensor | undefined)[];

/**
 * The derivative of the recorded path from leaves to targets, as a list of linear instructions.
 *
 * `push` walks the list forwards (J v), `pull` backwards (Jᵀ u). Intermediate results are freed
 * as soon as nothing needs them, so that a backend hands the same warm memory out again.
 */
export class Program {
  readonly roundabout: boolean;
  readonly #instructions: Instruction[];
  readonly #graph: Graph;

  constructor(graph: Graph, tape: Tape, rule: Rule) {
    this.#graph = graph;
    this.#instructions = withLastReads(graph, (step) => rule(step, tape));
    this.roundabout = this.#instructions.some((instruction) => instruction.roundabout);
  }

  /** J v: a tangent for each leaf in, one for each target out (`undefined`: zero). */
  push(tangents: readonly tf.Tensor[]): Slots {
    return inTidy(() => {
      const values: Slots = new Array(this.#graph.slots);
      this.#graph.leaves.forEach((leaf, i) => {
        values[leaf.slot!] = tangents[i];
      });
      for (const { push, reads, writes, lastReads } of this.#instructions) {
        const results = push(reads.map((slot) => values[slot]!));
        writes.forEach((slot, i) => {
          if (slot !== undefined) values[slot] = results[i];
        });
        for (const slot of lastReads) values[slot]?.dispose();
      }
      return distinct(this.#graph.targets.map(at(values)), tangents);
    });
  }

  /** Jᵀ u: a cotangent for each target in, one for each leaf out (`undefined`: zero). */
  pull(cotangents: Readonly<Slots>): Slots {
    return inTidy(() => {
      const values: Slots = new Array(this.#graph.slots);
      const given = new Set(cotangents);
      const free = (value: tf.Tensor) => {
        if (!given.has(value)) value.dispose();
      };
      const accumulate = (slot: number, value: tf.Tensor) => {
        const before = values[slot];
        values[slot] = before === undefined ? value : add(before, value);
        if (before === undefined) return;
        free(before);
        free(value);
      };
      this.#graph.targets.forEach(({ slot }, i) => {
        const cotangent = cotangents[i];
        if (slot !== undefined && cotangent !== undefined) accumulate(slot, cotangent);
      });
      for (let i = this.#instructions.length - 1; i >= 0; i--) {
        const { pull, reads, writes } = this.#instructions[i]!;
        const us = writes.map((slot) => (slot === undefined ? null : (values[slot] ?? null)));
        if (us.every((u) => u === null)) continue;
        const results = pull(us);
        for (const u of us) if (u !== null && !results.includes(u)) free(u);
        results.forEach((value, j) => {
          accumulate(reads[j]!, value);
        });
      }
      return distinct(this.#graph.leaves.map(at(values)), cotangents);
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
}

/** The rules' derivatives in order, each with the slots it is the last to read. */
function withLastReads(graph: Graph, derive: (step: Step) => LocalDerivative): Instruction[] {
  const steps = graph.steps;
  const spared = new Set([...graph.leaves, ...graph.targets].map(({ slot }) => slot));
  const seen = new Set<number>();
  const lastReads: number[][] = [];
  for (let i = steps.length - 1; i >= 0; i--) {
    const { reads, writes } = steps[i]!;
    const touched = [...reads, ...writes].filter(
      (slot): slot is number => slot !== undefined && !seen.has(slot) && !spared.has(slot),
    );
    lastReads[i] = [...new Set(touched)];
    for (const slot of touched) seen.add(slot);
  }
  return steps.map((step, i) => {
    const { reads, writes } = step;
    return { ...derive(step), reads, writes, lastReads: lastReads[i]! };
  });
}

const at = (values: Slots) => (end: End) => (end.slot === undefined ? undefined : values[end.slot]);

const fill = (values: Slots, ends: End[]) =>
  values.map((value, i) => value ?? tf.zeros(ends[i]!.shape));

/** Copies what the caller would otherwise get twice, or get back as he gave it. */
function distinct(values: Slots, given: Readonly<Slots>): Slots {
  const seen = new Set(given);
  return values.map((value) => {
    if (value !== undefined && seen.has(value)) return copy(value);
    seen.add(value);
    return value;
  });
}

/** `tf.tidy` for lists with holes. */
const inTidy = (f: () => Slots): Slots =>
  tf.tidy(f as unknown as () => tf.TensorContainer) as unknown as Slots;
