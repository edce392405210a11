import type { NamedTensors } from '../spaces';

/** Weights and hyperparameters as one record; they may have names in common. */
export const join = (w: NamedTensors, λ: NamedTensors): NamedTensors => ({
  ...prefixed('w/', w),
  ...prefixed('λ/', λ),
});

const prefixed = (prefix: string, x: NamedTensors) =>
  Object.fromEntries(Object.entries(x).map(([name, value]) => [prefix + name, value]));

/** The record of {@link join} apart. */
export function split(both: NamedTensors): { w: NamedTensors; λ: NamedTensors } {
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(both)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return { w: part('w/'), λ: part('λ/') };
}
