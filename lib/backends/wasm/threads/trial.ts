export type Way = 'alone' | 'together';

/** What the newest of several times counts for in their mean: more where the others are old. */
const WEIGHTS = { often: 1 / 4, rarely: 1 / 2 };

/** How often each way is taken before they are compared; the first times, of cold code, do not count. */
const LEAST = 3;

/** How many calls the slower way is not tried for: at first, and after it was slower again and again. */
const PATIENCE = { first: 4, most: 64 };

interface Record {
  count: number;
  mean: number;
}

/**
 * Which way of a call takes less time: this is not known beforehand. A thread that is woken on a busy
 * machine waits for a core, and this thread for its share. The slower way is tried again ever more rarely.
 */
export class Trial {
  readonly #records: { [way in Way]: Record } = {
    alone: { count: 0, mean: 0 },
    together: { count: 0, mean: 0 },
  };
  #faster: Way = 'alone';
  #patience = PATIENCE.first;
  #since = 0;

  choose(): Way {
    const { alone, together } = this.#records;
    if (alone.count < LEAST) return 'alone';
    if (together.count < LEAST) return 'together';
    const faster = together.mean < alone.mean ? 'together' : 'alone';
    if (faster !== this.#faster) {
      this.#faster = faster;
      this.#patience = PATIENCE.first;
      this.#since = 0;
    }
    if (this.#since < this.#patience) {
      this.#since++;
      return faster;
    }
    this.#since = 0;
    this.#patience = Math.min(PATIENCE.most, 2 * this.#patience);
    return faster === 'together' ? 'alone' : 'together';
  }

  /** Notes how long a call took for each of its parts. */
  took(way: Way, time: number): void {
    const record = this.#records[way];
    const isCold = record.count < LEAST - 1;
    const weight = isCold ? 1 : way === this.#faster ? WEIGHTS.often : WEIGHTS.rarely;
    record.mean += weight * (time - record.mean);
    record.count++;
  }
}
