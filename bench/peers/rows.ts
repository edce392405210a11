/** Milliseconds of each round, and how far the result is from the exact answer. */
export interface Timed {
  milliseconds: number[];
  error?: number;
}

/** A system that ours is compared with. */
export interface PeerTimed extends Timed {
  /** Ours over the peer's, round by round. */
  ratios: number[];
}

export interface Row {
  name: string;
  ours: Timed;
  /** By their names. */
  peers: Record<string, PeerTimed>;
}
