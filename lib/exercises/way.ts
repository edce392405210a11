import type { Exercise } from './exercise';
import { type Standing, UNTOUCHED } from './journal';

/** How far an exercise is. */
export type Mark = 'done' | 'tried' | 'open';

export function markOf({ isDone, checks, hints, sawSolution }: Standing): Mark {
  if (isDone) return 'done';
  return checks > 0 || hints > 0 || sawSolution ? 'tried' : 'open';
}

const SIGNS: Record<Mark, string> = { done: '✓', tried: '◐', open: '○' };

/** The way through the course as lines of text: lessons, and under each its exercises. */
export function wayOf(
  exercises: readonly Exercise[],
  standings: ReadonlyMap<string, Standing>,
): string {
  const lines: string[] = [];
  let lesson = '';
  for (const exercise of exercises) {
    if (exercise.lesson !== lesson) lines.push(`Lesson ${exercise.lesson}`);
    lesson = exercise.lesson;
    const { id, title, minutes, difficulty } = exercise;
    const sign = SIGNS[markOf(standings.get(id) ?? UNTOUCHED)];
    const facts = `${'●'.repeat(difficulty)}${'○'.repeat(3 - difficulty)} ${minutes} min`;
    lines.push(`  ${sign} ${id.padEnd(14)} ${title} (${facts})`);
  }
  const done = exercises.filter(({ id }) => standings.get(id)?.isDone).length;
  lines.push(`${done} of ${exercises.length} done`);
  return lines.join('\n');
}
