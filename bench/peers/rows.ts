/** Milliseconds of each round, and how far the result is from the exact answer. */
export interface Timed {
  milliseconds: number[];
  error?: number;
}

export interface Row {
  name: string;
  ours: Timed;
  peer?: Timed;
  /** Ours over the peer's, round by round. */
  ratios: number[];
}
