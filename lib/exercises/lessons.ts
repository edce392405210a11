import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A lesson of the course. */
export interface Lesson {
  /** As in `05` or `04b`. */
  number: string;
  /** As in `05-implicit-steps-on-mnist`. */
  name: string;
  question: string;
}

/** The course that this library lies in, unless the variable IMPLICIT_LAB_COURSE names another. */
export function courseFolder(): string {
  return process.env.IMPLICIT_LAB_COURSE || join(__dirname, '..', '..');
}

/** The lessons of the course by their texts; none where there is no course. */
export function lessons(): Lesson[] {
  return textsIn('notebooks').map(({ name, text }) => {
    const [, question] = /^# \d\d[a-z]? · (.+)$/m.exec(text) ?? [];
    const end = name.indexOf('-');
    return { number: name.slice(0, end), name, question: question ?? name.slice(end + 1) };
  });
}

/** The exercises in the order of the course, each with the name of its notebook. */
export function notebooksOfExercises(): Map<string, string> {
  return new Map(
    textsIn('exercises').flatMap(({ name, text }) =>
      [...text.matchAll(/^## ([a-z]+-\d\d) · /gm)].map((heading) => [heading[1]!, name] as const),
    ),
  );
}

/** The sources in a folder of the course, by number. */
export function textsIn(folder: string): { name: string; text: string }[] {
  const path = join(courseFolder(), folder);
  if (!existsSync(path)) return [];
  return (
    readdirSync(path)
      .filter((file) => /^\d\d[a-z]?-.*\.md$/.test(file))
      // By number: 04, 04b, 05.
      .sort((a, b) => (numberIn(a) < numberIn(b) ? -1 : 1))
      .map((file) => ({ name: file.slice(0, -3), text: readFileSync(join(path, file), 'utf8') }))
  );
}

const numberIn = (file: string) => file.slice(0, file.indexOf('-'));
