import * as tf from '@tensorflow/tfjs';
import type { Curvature, CurvatureKind, Factors } from '../autodiff';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import type { Chosen } from './candidates';
import type { NamedVariables } from './variables';

/** One recorded loss of several, under names of its own. */
export interface Batch {
  recorded: Curvature;
  /** Its share of the mean. */
  share: number;
  /** All that it depends on, and products are taken among. */
  variables: NamedVariables;
}

/** The mean of recorded losses, with the names of what a step moves; it owns the records. */
export function meanCurvature(
  batches: readonly Batch[],
  chosen: Chosen,
  kind: CurvatureKind,
): Curvature {
  const block = new Map(chosen.block.map((name) => [chosen.variables[name]!, name]));
  const parts = batches.map(({ recorded, share, variables }) => ({
    recorded,
    share,
    /** A direction as this loss knows it; it does not own what it holds. */
    spread: (v: NamedTensors): NamedTensors =>
      mapTensors(variables, (variable) => {
        const name = block.get(variable as tf.Variable);
        return name === undefined ? tf.zeros(variable.shape) : v[name]!;
      }),
    /** Adds a product to the sum. */
    gather(product: NamedTensors, factor: number, sum: NamedTensors) {
      for (const [own, variable] of Object.entries(variables)) {
        const name = block.get(variable);
        if (name !== undefined) addTo(sum, name, tf.mul(factor, product[own]!));
      }
    },
  }));
  const filled = (sum: NamedTensors): NamedTensors =>
    Object.fromEntries(
      chosen.block.map((name) => [name, sum[name] ?? tf.zeros(chosen.variables[name]!.shape)]),
    );
  const apply = (v: NamedTensors) =>
    tensors.tidy(() => {
      const sum: NamedTensors = {};
      for (const { recorded, share, spread, gather } of parts) {
        gather(recorded.apply(spread(v)), share, sum);
      }
      return filled(sum);
    });
  const { value, gradient } = tensors.keep(tensors.tidy(() => means(batches, chosen)));
  const factors = jointFactors(parts, filled);
  return {
    kind,
    value,
    gradient,
    apply,
    transpose: apply,
    rowSpace: () => undefined,
    ...(factors && { factors }),
    dispose() {
      tensors.free([value, gradient]);
      for (const { recorded } of batches) recorded.dispose();
    },
  };
}

function means(batches: readonly Batch[], { variables, moving }: Chosen) {
  const losses = batches.map(({ recorded, share }) => tf.mul(share, recorded.value));
  const names = new Map(moving.map((name) => [variables[name]!, name]));
  const gradient: NamedTensors = {};
  for (const { recorded, share, variables: own } of batches) {
    for (const [key, variable] of Object.entries(own)) {
      const name = names.get(variable);
      if (name !== undefined) addTo(gradient, name, tf.mul(share, recorded.gradient[key]!));
    }
  }
  // In the order of the variables.
  const ordered = Object.fromEntries(moving.map((name) => [name, gradient[name]!]));
  return { value: tf.addN(losses) as tf.Scalar, gradient: ordered };
}

interface Part {
  recorded: Curvature;
  share: number;
  spread(v: NamedTensors): NamedTensors;
  gather(product: NamedTensors, factor: number, sum: NamedTensors): void;
}

/** J of all outputs one below the other, and S with their shares. */
function jointFactors(
  parts: readonly Part[],
  filled: (sum: NamedTensors) => NamedTensors,
): Factors | undefined {
  const each = parts.map(({ recorded }) => recorded.factors);
  if (!each.every((factors) => factors !== undefined)) return undefined;
  const joined = (of: (factors: Factors, i: number) => NamedTensors): NamedTensors =>
    Object.fromEntries(
      each.flatMap((factors, i) =>
        Object.entries(of(factors, i)).map(([name, value]) => [`${i}/${name}`, value]),
      ),
    );
  const outputsOf = (u: NamedTensors, i: number): NamedTensors =>
    mapTensors(each[i]!.outputs, (_, name) => u[`${i}/${name}`]!);
  return {
    get outputs() {
      return joined(({ outputs }) => outputs);
    },
    jvp: (v) => tensors.tidy(() => joined(({ jvp }, i) => jvp(parts[i]!.spread(v)))),
    vjp: (u) =>
      tensors.tidy(() => {
        const sum: NamedTensors = {};
        each.forEach(({ vjp }, i) => {
          parts[i]!.gather(vjp(outputsOf(u, i)), 1, sum);
        });
        return filled(sum);
      }),
    middle: (u) =>
      tensors.tidy(() =>
        joined(({ middle }, i) =>
          tensors.scale(tensors.scalars.of(parts[i]!.share), middle(outputsOf(u, i))),
        ),
      ),
  };
}

function addTo(sum: NamedTensors, name: string, value: tf.Tensor): void {
  const before = sum[name];
  sum[name] = before === undefined ? value : tf.add(before, value);
}
