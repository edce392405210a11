import { useBackend } from '..';
import { type Around, type Case, type Evaluation, evaluate, opTable } from '.';

/** A backend's answer to a case, compared with the cpu's. */
export interface Comparison {
  name: string;
  /** The largest difference of value, gradient and product, relative to their largest entries. */
  error: number;
  /** What the backend said where it refused. */
  refusal?: string;
}

const largest = (a: number[]) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

function distance(a: number[], b: number[]): number {
  if (a.length !== b.length || a.some(Number.isNaN)) return Number.POSITIVE_INFINITY;
  return largest(a.map((x, i) => x - b[i]!)) / Math.max(1, largest(b));
}

const title = ({ op, variant }: Case) => (variant ? `${op}, ${variant}` : op);
const parts = ({ value, gradient, product }: Evaluation) => [value, gradient, product];

/** The answers of cpu, which is compared with finite differences elsewhere, to every case or to some. */
export async function cpuAnswers(cases = opTable): Promise<Map<Case, Evaluation>> {
  await useBackend('cpu');
  const answers = new Map<Case, Evaluation>();
  for (const c of cases) if (!c.refusal) answers.set(c, await evaluate(c));
  return answers;
}

/** The first way of calling each op. */
export function oneOfEachOp(): Case[] {
  const first = new Map<string, Case>();
  for (const c of opTable) if (!c.refusal && !first.has(c.op)) first.set(c.op, c);
  return [...first.values()];
}

/**
 * The current backend's answers compared with those of cpu.
 *
 * @param around runs the computation of each answer; default as it is
 */
export async function compare(
  answers: Map<Case, Evaluation>,
  around?: Around,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const [c, expected] of answers) {
    try {
      const found = parts(await evaluate(c, around));
      const errors = parts(expected).map((e, i) => distance(found[i]!, e));
      comparisons.push({ name: title(c), error: Math.max(...errors) });
    } catch (error) {
      comparisons.push({ name: title(c), error: 0, refusal: (error as Error).message });
    }
  }
  return comparisons;
}
