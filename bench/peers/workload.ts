import type { NamedTensors } from '../../lib/spaces';

/** One workload: what is timed, and its result as numbers, in the order in which the peers give it. */
export interface Workload {
  name: string;
  run(): Promise<Result>;
}

/** Arrays or tensors; the latter are disposed by who asked for them. */
export type Result = readonly Float64Array[] | NamedTensors;

/** An array that all systems are handed. */
export interface Given {
  shape: number[];
  /** Of float32, unless both precisions are to see more. */
  values: Float64Array | Float32Array;
}

export interface Workloads {
  list: Workload[];
  data: Record<string, Given>;
  /** Numbers that all systems are handed. */
  settings: Record<string, Record<string, number>>;
}
