import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rateGrid, type Spread, spreadOf } from '../../../course/experiments';
import { RESULTS } from '../grid';
import { CHOOSING, Runs } from '../runs';
import { endError, type PinnCourse } from './course';
import type { PinnMethod } from './methods';
import type { Pinn } from './problems';

/** Those that are reported. */
export const SEEDS = [2, 3, 4];

/** A method at the value it is reported at. */
export interface PinnOutcome {
  method: PinnMethod;
  value: number;
  /** Whether the grid goes on at both sides of it; of the lists of values that is not asked. */
  interior: boolean;
  courses: PinnCourse[];
  /** All values that were tried, with the seed of the choice. */
  tried: { value: number; validation: number }[];
}

const NOT_RUN: PinnCourse = { steps: [], seconds: [], validation: [], test: [], values: [] };

/** Runs that are kept in a file, a line each, so that a study goes on where it was stopped. */
class Kept {
  readonly #file: string;
  readonly #known = new Map<string, PinnCourse>();

  constructor(name: string) {
    this.#file = join(RESULTS, `${name}.jsonl`);
    if (!existsSync(this.#file)) return;
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      if (line === '') continue;
      const { key, ...course } = JSON.parse(line, (_, value) =>
        value === 'Infinity' ? Infinity : value,
      ) as PinnCourse & { key: string };
      this.#known.set(key, course);
    }
  }

  async get(key: string, run: () => PinnCourse | Promise<PinnCourse>): Promise<PinnCourse> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (Runs.onlyKept) return NOT_RUN;
    const course = await run();
    this.#known.set(key, course);
    mkdirSync(RESULTS, { recursive: true });
    const line = JSON.stringify({ key, ...course }, (_, value) =>
      value === Infinity ? 'Infinity' : value,
    );
    appendFileSync(this.#file, `${line}\n`);
    console.log(`${key}: ${endError(course, 'test')} after ${course.steps.at(-1)} steps`);
    return course;
  }
}

/** Tunes each method with one seed, by the validation error at the end, and runs the others. */
export async function outcomesOf(
  pinn: Pinn,
  methods: readonly PinnMethod[],
  budget: number,
): Promise<PinnOutcome[]> {
  const kept = new Kept(`pinn-${pinn.name}`);
  const outcomes: PinnOutcome[] = [];
  for (const method of methods) {
    const course = (value: number, seed: number) =>
      kept.get([method.name, value, seed, budget].join(' | '), () =>
        method.run(pinn, seed, value, budget),
      );
    const score = async (value: number) => endError(await course(value, CHOOSING), 'validation');
    const { tried, interior } = await searched(method, score);
    const best = tried.reduce((a, b) => (b.validation < a.validation ? b : a));
    for (const value of method.untuned ? tried.map((one) => one.value) : [best.value]) {
      const courses: PinnCourse[] = [];
      for (const seed of SEEDS) courses.push(await course(value, seed));
      outcomes.push({ method, value, interior, courses, tried });
    }
  }
  return outcomes.filter(({ courses }) => courses.every(({ steps }) => steps.length > 0));
}

async function searched(method: PinnMethod, score: (value: number) => Promise<number>) {
  if (method.values) {
    const tried: PinnOutcome['tried'] = [];
    for (const value of method.values) tried.push({ value, validation: await score(value) });
    return { tried, interior: true };
  }
  const grid = rateGrid(1e-6, 1e9);
  const found = new Map<number, number>();
  const at = async (i: number) => {
    const value = grid[i];
    if (value === undefined) return Number.POSITIVE_INFINITY;
    if (!found.has(value)) found.set(value, await score(value));
    return found.get(value)!;
  };
  let best = grid.indexOf(method.first!);
  // Two on each side of the best: one may be an accident.
  for (let moves = 0; moves < 12; moves++) {
    const around = [best - 2, best - 1, best, best + 1, best + 2];
    const scores: number[] = [];
    for (const i of around) scores.push(await at(i));
    const least = around[scores.indexOf(Math.min(...scores))]!;
    if (least === best) break;
    best = least;
  }
  const tried = [...found]
    .map(([value, validation]) => ({ value, validation }))
    .sort((a, b) => a.value - b.value);
  return { tried, interior: grid[best - 1] !== undefined && grid[best + 1] !== undefined };
}

export const endOf = ({ courses }: PinnOutcome): Spread =>
  spreadOf(courses.map((course) => endError(course, 'test')));
