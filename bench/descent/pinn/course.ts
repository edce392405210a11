import { processorSeconds } from '../../../course/experiments';
import type { Pinn } from './problems';

/** A run as it was seen at some of its steps. */
export interface PinnCourse {
  steps: number[];
  /** Processor seconds of the steps; evaluation is not counted. */
  seconds: number[];
  validation: number[];
  test: number[];
  /** ½‖r‖². */
  values: number[];
}

/** The clock of a run: it is stopped while the run is looked at. */
export class Watched {
  readonly course: PinnCourse = { steps: [], seconds: [], validation: [], test: [], values: [] };
  readonly #pinn: Pinn;
  readonly #budget: number;
  #began = processorSeconds();
  #due = 0;
  #steps = -1;

  constructor(pinn: Pinn, budget: number) {
    this.#pinn = pinn;
    this.#budget = budget;
  }

  /** The share of the budget that is used up. */
  get share(): number {
    return (processorSeconds() - this.#began) / this.#budget;
  }

  /** After a step: looks at it where that is due; false once the budget is used up. */
  step(w: () => Float64Array, value: number): boolean {
    const now = processorSeconds();
    const spent = now - this.#began;
    this.#steps += 1;
    const goesOn = spent < this.#budget && Number.isFinite(value);
    if (spent < this.#due && goesOn) return true;
    const at = w();
    this.course.steps.push(this.#steps);
    this.course.seconds.push(Number(spent.toPrecision(4)));
    this.course.values.push(Number(value.toPrecision(4)));
    for (const judge of ['validation', 'test'] as const) {
      const error = this.#pinn.error(at, judge);
      this.course[judge].push(Number.isFinite(error) ? Number(error.toPrecision(4)) : Infinity);
    }
    this.#due = Math.max(this.#budget / 100, spent * 1.2);
    this.#began += processorSeconds() - now;
    return goesOn;
  }
}

/** The error at the end; infinite where a run diverged. */
export const endError = (course: PinnCourse, judge: 'validation' | 'test') =>
  course[judge].at(-1) ?? Number.POSITIVE_INFINITY;

/** Seconds until the test error was at most `target`, at the looks. */
export function secondsTo({ test, seconds }: PinnCourse, target: number): number {
  const at = test.findIndex((error) => error <= target);
  return at < 0 ? Number.POSITIVE_INFINITY : seconds[at]!;
}
