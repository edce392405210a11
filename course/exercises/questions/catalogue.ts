import { loadModule, moduleNames } from '#platform/course';
import type { Question } from './question';

/** The ids of all questions: `a` and `b` for each lesson that has a file here. */
export function questionIds(): string[] {
  return moduleNames('questions')
    .filter((name) => /^\d\d[a-z]?$/.test(name))
    .sort()
    .flatMap((lesson) => [`${lesson}-a`, `${lesson}-b`]);
}

/** Whether an id has the form of a question's, as in `'04-a'`, whether there is one or not. */
export const isQuestionId = (id: unknown): id is string =>
  typeof id === 'string' && /^\d\d[a-z]?-[a-z]$/.test(id);

const lessonOf = (id: string) => id.slice(0, id.indexOf('-'));

/** Loads one question, and the other one of its lesson. */
export async function loadQuestion(id: string): Promise<Question> {
  const { questions } = await loadModule<{ questions: readonly Question[] }>(
    `questions/${lessonOf(id)}`,
  );
  const found = questions.find((question) => question.id === id);
  if (!found) throw new RangeError(`the questions of lesson ${lessonOf(id)} have no ${id}`);
  return found;
}

/** The sentence for a question that does not exist. */
export function unknownQuestion(id: string): string {
  const ids = questionIds();
  return `There is no question "${id.slice(0, 60)}". There are ${ids[0]} to ${ids.at(-1)}, two a lesson: a and b.`;
}
