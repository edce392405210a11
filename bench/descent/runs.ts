import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESULTS } from './grid';
import { type Course, emptyCourse } from './train';

/**
 * The seed that settings are chosen with where a grid of them is run with one alone. It is not among
 * those reported: a setting that is best by accident of its seed gains nothing by it.
 */
export const CHOOSING = 1;

/** Runs that are kept in a file, a line each, so that a study goes on where it was stopped. */
export class Runs {
  readonly #file: string;
  readonly #known = new Map<string, Course>();

  constructor(name: string) {
    this.#file = join(RESULTS, `${name}.jsonl`);
    if (!existsSync(this.#file)) return;
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      if (line === '') continue;
      const { key, ...course } = JSON.parse(line) as Course & { key: string };
      this.#known.set(key, course);
    }
  }

  /** Whether a page is written of the runs that there are, and none is made. */
  static readonly onlyKept = process.argv.includes('kept');

  has(key: string): boolean {
    return this.#known.has(key);
  }

  /** Those of the seeds that are run: all, or where none is made those that there are. */
  among(seeds: number[], key: (seed: number) => string): number[] {
    return Runs.onlyKept ? seeds.filter((seed) => this.has(key(seed))) : seeds;
  }

  /** The run of this key, taken from the file or run now and added to it. */
  async get(key: string, run: () => Promise<Course>): Promise<Course> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (Runs.onlyKept) return emptyCourse();
    const course = rounded(await run());
    this.#known.set(key, course);
    mkdirSync(RESULTS, { recursive: true });
    appendFileSync(this.#file, `${JSON.stringify({ key, ...course })}\n`);
    return course;
  }
}

function rounded(course: Course): Course {
  const short = (values: number[]) => values.map((value) => Number(value.toPrecision(4)));
  return {
    steps: course.steps,
    seconds: short(course.seconds),
    wall: short(course.wall),
    losses: short(course.losses),
    accuracies: short(course.accuracies),
    validation: short(course.validation),
    diverged: course.diverged,
    ...(course.products && { products: course.products }),
  };
}
