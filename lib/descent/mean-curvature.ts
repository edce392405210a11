import * as tf from '@tensorflow/tfjs';
import type { Curvature, CurvatureKind, Factors } from '../autodiff';
import { type Pausing, withoutPause } from '../event-loop';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import type { Batch } from './batch';
import type { Chosen } from './candidates';
import type { Place } from './place';
import type { NamedVariables } from './variables';

/** The mean of losses and of their gradients, added up one by one. */
export class MeanGradient {
  #value: tf.Scalar | undefined;
  readonly #gradient = new Map<tf.Variable, tf.Tensor>();

  /** Adds a share of what was recorded of one loss. */
  add({ value, gradient }: Curvature, share: number, variables: NamedVariables): void {
    this.#value = plus(this.#value, share, value);
    for (const [name, variable] of Object.entries(variables)) {
      this.#gradient.set(variable, plus(this.#gradient.get(variable), share, gradient[name]!));
    }
  }

  get value(): tf.Scalar {
    return this.#value!;
  }

  /** The gradient with respect to what moves, in that order. */
  of({ moving, variables }: Chosen): NamedTensors {
    return Object.fromEntries(moving.map((name) => [name, this.#gradient.get(variables[name]!)!]));
  }

  dispose(): void {
    tensors.free([this.#value, ...this.#gradient.values()]);
  }
}

/** `sum + share · x`, kept; the sum before is freed. */
function plus<T extends tf.Tensor>(sum: T | undefined, share: number, x: T): T {
  const next = tf.tidy(() => {
    const part = tf.mul(share, x);
    return tf.keep(sum === undefined ? part : tf.add(sum, part));
  });
  sum?.dispose();
  return next as T;
}

/** The mean of several losses, with the names of what a step moves; it owns what it is made of. */
export function meanCurvature(
  batches: readonly Batch[],
  shares: readonly number[],
  mean: MeanGradient,
  chosen: Chosen,
  kind: CurvatureKind,
  places: readonly Place[] = [],
): Curvature {
  const parts = batches.map((batch, i) => new Part(batch, shares[i]!, chosen));
  const applyInPieces = (v: NamedTensors) =>
    sumInPieces(
      parts,
      chosen,
      (part) => part.product(v),
      ({ share }) => share,
    );
  const apply = (v: NamedTensors) => tensors.tidy(() => given(withoutPause(applyInPieces(v))));
  const factors = jointFactors(parts, chosen);
  return {
    kind,
    execution: 'interpreted',
    value: mean.value,
    gradient: mean.of(chosen),
    apply,
    applyInPieces,
    transpose: apply,
    rowSpace: () => undefined,
    // biome-ignore lint/correctness/useYield: at once
    *rowSpaceInPieces() {
      return undefined;
    },
    ...(factors && { factors, cut: factors }),
    dispose() {
      for (const part of [mean, factors, ...batches, ...places]) part?.dispose();
    },
  };
}

/** A batch with its share, and its variables in the names of the step. */
class Part {
  readonly batch: Batch;
  readonly share: number;
  readonly #names: Map<tf.Variable, string>;

  constructor(batch: Batch, share: number, { block, variables }: Chosen) {
    this.batch = batch;
    this.share = share;
    this.#names = new Map(block.map((name) => [variables[name]!, name]));
  }

  /** A direction as this loss knows it; it does not own what it holds. */
  spread(v: NamedTensors): NamedTensors {
    return mapTensors(this.batch.variables, (variable) => {
      const name = this.#names.get(variable as tf.Variable);
      return name === undefined ? tf.zeros(variable.shape) : v[name]!;
    });
  }

  /** The product with a direction, kept, in the names of this loss. */
  product(v: NamedTensors): Pausing<NamedTensors> {
    const { batch } = this;
    const spread = () => this.spread(v);
    return batch.useInPieces(function* (recorded) {
      const direction = tensors.keep(tensors.tidy(() => mapTensors(spread(), (x) => x.clone())));
      try {
        return yield* recorded.applyInPieces!(direction);
      } finally {
        tensors.free(direction);
      }
    });
  }

  /** The sum with a multiple of a product added. */
  gather(product: NamedTensors, factor: number, sum: NamedTensors): NamedTensors {
    const next = { ...sum };
    for (const [own, variable] of Object.entries(this.batch.variables)) {
      const name = this.#names.get(variable);
      if (name === undefined) continue;
      const part = tf.mul(factor, product[own]!);
      next[name] = sum[name] === undefined ? part : tf.add(sum[name], part);
    }
    return next;
  }
}

/** Adds multiples of what the batches have, which is kept and freed before the next; the sum is kept. */
function* sumInPieces(
  parts: readonly Part[],
  { block, variables }: Chosen,
  product: (part: Part) => Pausing<NamedTensors>,
  factor: (part: Part) => number,
): Pausing<NamedTensors> {
  let sum: NamedTensors = {};
  try {
    for (const part of parts) {
      if (part !== parts[0]) yield;
      const found = yield* product(part);
      const next = tensors.keep(tensors.tidy(() => part.gather(found, factor(part), sum)));
      tensors.free([sum, found], next);
      sum = next;
    }
  } catch (error) {
    tensors.free(sum);
    throw error;
  }
  const missing = block.filter((name) => sum[name] === undefined);
  for (const name of missing) sum[name] = tf.keep(tf.zeros(variables[name]!.shape));
  return Object.fromEntries(block.map((name) => [name, sum[name]!]));
}

/** Kept tensors as ones of the `tidy` around. */
function given(x: NamedTensors): NamedTensors {
  const clones = mapTensors(x, (value) => value.clone());
  tensors.free(x);
  return clones;
}

const zerosOf = ([name, shape]: [string, number[]]) => [name, tf.zeros(shape)] as const;

/** J of all outputs one below the other, and S with their shares. */
function jointFactors(
  parts: readonly Part[],
  chosen: Chosen,
): (Factors & { dispose(): void }) | undefined {
  const shapes = parts.map(({ batch }) => batch.outputs);
  if (!shapes.every((outputs) => outputs !== undefined)) return undefined;
  const joined = (of: (part: Part, i: number) => NamedTensors): NamedTensors =>
    Object.fromEntries(
      parts.flatMap((part, i) =>
        Object.entries(tensors.tidy(() => of(part, i))).map(([name, value]) => [
          `${i}/${name}`,
          value,
        ]),
      ),
    );
  const outputsOf = (u: NamedTensors, i: number): NamedTensors =>
    Object.fromEntries(Object.keys(shapes[i]!).map((name) => [name, u[`${i}/${name}`]!]));
  let outputs: NamedTensors | undefined;
  const pulled = (u: NamedTensors) =>
    function* (part: Part): Pausing<NamedTensors> {
      const uOfPart = outputsOf(u, parts.indexOf(part));
      yield;
      return tensors.keep(tensors.tidy(() => factorsOf(part, ({ vjp }) => vjp(uOfPart))));
    };
  const factorsOf = ({ batch }: Part, work: (factors: Factors) => NamedTensors): NamedTensors =>
    batch.use((recorded) => work(recorded.factors!));
  return {
    get outputs() {
      outputs ??= tensors.keep(
        joined((_, i) => Object.fromEntries(Object.entries(shapes[i]!).map(zerosOf))),
      );
      return outputs;
    },
    dispose: () => tensors.free(outputs),
    jvp: (v) =>
      tensors.tidy(() => joined((part) => factorsOf(part, ({ jvp }) => jvp(part.spread(v))))),
    vjp: (u) =>
      tensors.tidy(() => given(withoutPause(sumInPieces(parts, chosen, pulled(u), () => 1)))),
    middle: (u) =>
      tensors.tidy(() =>
        joined((part, i) =>
          factorsOf(part, ({ middle }) =>
            tensors.scale(tensors.scalars.of(part.share), middle(outputsOf(u, i))),
          ),
        ),
      ),
  };
}
