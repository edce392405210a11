/** A step in which an explicit one would change y by a hundredth, or by little. */
export function firstStep(y: Float64Array, slope: Float64Array, sizes: Float64Array): number {
  const [size, speed] = [weighted(y, sizes), weighted(slope, sizes)];
  if (speed === 0) return Number.POSITIVE_INFINITY;
  return size > 1e-5 ? (0.01 * size) / speed : 1e-6 / speed;
}

/** The root of the mean square in units of the tolerance. */
export function weighted(x: Float64Array, sizes: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! / sizes[i]!) ** 2;
  return Math.sqrt(sum / x.length);
}

/** The error of a step in units of the tolerance. */
export const errorOf = (estimate: Float64Array, sizes: Float64Array): number =>
  Math.max(weighted(estimate, sizes), 1e-10);

/** A step that was computed: its size, its error, and the Newton steps that it took. */
interface Tried {
  h: number;
  error: number;
  iterations: number;
}

/** Chooses the next step by the error of the last one, and by that of the last one taken. */
export class StepControl {
  #last: Pick<Tried, 'h' | 'error'> | undefined;

  /** The step to try in place of one that was given up. */
  afterRejected(tried: Tried): number {
    const { h, error } = tried;
    return Number.isFinite(error) ? h * Math.min(factorOf(tried), 0.9) : h / 4;
  }

  /** The factor after one that a stop cut short: it does not tell how the error changes from step to step. */
  afterCut(tried: Tried): number {
    this.#last = undefined;
    return factorOf(tried);
  }

  /** The factor of the next step after one that was taken. */
  afterAccepted(tried: Tried): number {
    const { h, error } = tried;
    let factor = factorOf(tried);
    // Gustafsson's controller looks at the last error too.
    if (this.#last) {
      const predicted =
        (h / this.#last.h) * safety(tried) * (this.#last.error / error ** 2) ** 0.25;
      factor = Math.min(factor, Math.max(0.2, predicted));
    }
    this.#last = { h, error: Math.max(error, 1e-2) };
    return factor;
  }
}

const safety = ({ iterations }: Tried) => (0.9 * 21) / (20 + iterations);

const factorOf = (tried: Tried) => Math.min(8, Math.max(0.2, safety(tried) * tried.error ** -0.25));
