import { loadModule, moduleNames } from '#platform/course';
import type { Exercise } from './exercise';
import { notebooksOfExercises } from './lessons';

/** The ids of all exercises, one for each file in `catalogue/`. */
export function exerciseIds(): string[] {
  return moduleNames('catalogue')
    .filter((name) => /^[a-z]+-\d\d$/.test(name))
    .sort();
}

/** Loads one exercise, and nothing of the others. */
export async function loadExercise(id: string): Promise<Exercise> {
  return (await loadModule<{ exercise: Exercise }>(`catalogue/${id}`)).exercise;
}

/** All exercises in the order of the course. */
export async function loadExercises(): Promise<Exercise[]> {
  const all = await Promise.all(exerciseIds().map(loadExercise));
  const order = [...notebooksOfExercises().keys()];
  const place = ({ lesson, id }: Exercise) =>
    `${lesson} ${String(order.indexOf(id) + 1).padStart(3, '0')} ${id}`;
  return all.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** The sentence for an id that does not exist, with the one that may have been meant. */
export function unknownExercise(id: string): string {
  const known = exerciseIds();
  const [best] = known
    .map((name) => ({ name, edits: editDistance(id.toLowerCase(), name) }))
    .sort((a, b) => a.edits - b.edits);
  const meant = best && best.edits <= 3 ? ` Did you mean ${best.name}?` : '';
  return `There is no exercise "${id.slice(0, 60)}".${meant} There are: ${known.join(', ')}.`;
}

/** The number of letters to insert, delete or replace to make one word of the other. */
function editDistance(a: string, b: string): number {
  if (a.length > 60) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
