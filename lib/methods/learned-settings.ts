import * as tf from '@tensorflow/tfjs';
import { type Linearization, linearize } from '../autodiff';
import { InputError } from '../errors';
import { phrase } from '../options';
import { mapTensors, type NamedTensors, type Vector } from '../spaces';
import { Learned } from './learned';
import type { Method } from './method';
import type { Resolve } from './setting';

/** Hyperparameters as a method may be made of them: tensors by name, or learned numbers. */
export type Learnable<V extends Vector> = V extends Float64Array
  ? readonly Learned[]
  : NamedTensors;

/** A method at λ, and how the numbers sₖ in it depend on λ. */
export interface LearnedSettings<V> {
  method: Method;
  /** The numbers of a tensor among the settings. */
  resolve?: Resolve;
  /** `(∂s/∂λ)ᵀ u`, of the adjoints uₖ by k; undefined where nothing is learned. */
  pull(adjoints: ReadonlyMap<number, number>): V | undefined;
  /** `∂sₖ/∂λⱼ`, by k and then j; for forward mode. */
  slopes(): Promise<ReadonlyMap<number, Float64Array>>;
  dispose(): void;
}

/** The way to a method: itself, or a function of λ. */
export type MethodOf<V extends Vector> = Method | ((λ: Learnable<V>) => Method);

/** @throws InputError for a function that returns no method. */
export async function learnSettings<V extends Vector>(
  make: MethodOf<V>,
  λ: V,
): Promise<LearnedSettings<V>> {
  if (typeof make !== 'function') return fixed(make);
  const learned =
    λ instanceof Float64Array
      ? learnNumbers(make as (λ: readonly Learned[]) => Method, λ)
      : await learnTensors(make as (λ: NamedTensors) => Method, λ as NamedTensors);
  // Each branch returns the settings for its kind of λ, which the compiler does not take for V.
  return learned as unknown as LearnedSettings<V>;
}

/** A method of numbers alone. */
export const fixed = <V>(method: Method): LearnedSettings<V> => ({
  method,
  pull: () => undefined,
  slopes: async () => new Map(),
  dispose() {},
});

/** Here sₖ is λₖ itself: what else a setting depends on is in its slopes. */
function learnNumbers(
  make: (λ: readonly Learned[]) => Method,
  λ: Float64Array,
): LearnedSettings<Float64Array> {
  const numbers = Array.from(λ, (value, k) => new Learned(value, new Map([[k, 1]])));
  return {
    method: checked(make(numbers)),
    pull: (adjoints) => λ.map((_, k) => adjoints.get(k) ?? 0),
    slopes: async () =>
      new Map(numbers.map((_, k) => [k, λ.map((_, j) => (j === k ? 1 : 0))] as const)),
    dispose() {},
  };
}

/** Here the sₖ are the numbers of all tensors among the settings, one after the other. */
async function learnTensors(
  make: (λ: NamedTensors) => Method,
  λ: NamedTensors,
): Promise<LearnedSettings<NamedTensors>> {
  let method: Method | undefined;
  tf.tidy(() => {
    method = checked(make(λ));
  });
  if (method !== undefined && (method.learned ?? []).length === 0) return fixed(method);

  let settings: readonly tf.Tensor[] = [];
  const recorded: Linearization<NamedTensors> = linearize((at) => {
    method = checked(make(at));
    settings = method.learned ?? [];
    return Object.fromEntries(settings.map((setting, i) => [String(i), setting.clone()]));
  }, λ);
  const parts = Object.entries(recorded.value);
  const starts = parts.map((_, i) =>
    parts.slice(0, i).reduce((sum, [, { size }]) => sum + size, 0),
  );
  try {
    const values = await Promise.all(parts.map(([, part]) => part.data()));
    const numbers = new Map(
      settings.map((setting, i) => [
        setting,
        Array.from(values[i]!, (value, n) => new Learned(value, new Map([[starts[i]! + n, 1]]))),
      ]),
    );
    return {
      method: method!,
      resolve: (setting) => numbers.get(setting) ?? [],
      pull(adjoints) {
        return tf.tidy(() => {
          const u = parts.map(([name, { shape, size }], i) => {
            const list = Float32Array.from(
              { length: size },
              (_, n) => adjoints.get(starts[i]! + n) ?? 0,
            );
            return [name, tf.tensor(list, shape)] as const;
          });
          return recorded.vjp(Object.fromEntries(u));
        });
      },
      slopes: () => slopesOf(recorded, λ, starts),
      dispose: () => recorded.dispose(),
    };
  } catch (error) {
    recorded.dispose();
    throw error;
  }
}

/** `∂sₖ/∂λⱼ` by one product for each hyperparameter. */
async function slopesOf(
  recorded: Linearization<NamedTensors>,
  λ: NamedTensors,
  starts: readonly number[],
): Promise<Map<number, Float64Array>> {
  const names = Object.keys(λ);
  const h = names.reduce((sum, name) => sum + λ[name]!.size, 0);
  const slopes = new Map<number, Float64Array>();
  let j = 0;
  for (const name of names) {
    for (let n = 0; n < λ[name]!.size; n++, j++) {
      const moved = tf.tidy(() =>
        recorded.jvp(
          mapTensors(λ, ({ shape, size }, other) => unit(shape, size, other === name ? n : -1)),
        ),
      );
      const columns = await Promise.all(Object.values(moved).map((part) => part.data()));
      tf.dispose(moved);
      columns.forEach((column, i) => {
        column.forEach((slope: number, n: number) => {
          const k = starts[i]! + n;
          if (!slopes.has(k)) slopes.set(k, new Float64Array(h));
          slopes.get(k)![j] = slope;
        });
      });
    }
  }
  return slopes;
}

function unit(shape: number[], size: number, place: number): tf.Tensor {
  const values = new Float32Array(size);
  if (place >= 0) values[place] = 1;
  return tf.tensor(values, shape);
}

function checked(method: unknown): Method {
  if (typeof (method as Partial<Method> | undefined)?.on === 'function') return method as Method;
  throw new InputError({
    given: `method: a function of λ that returns ${phrase(method)}`,
    expected: 'a function of λ that returns a method, such as gradientDescent(rate)',
    remedy: 'Write method: ({ rate }) => gradientDescent(rate).',
  });
}
