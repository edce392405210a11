import { courseFolder } from '#platform/course';
import { joined, namesIn, readText } from '#platform/files';

export { courseFolder } from '#platform/course';

/** A lesson of the course. */
export interface Lesson {
  /** As in `05` or `04b`. */
  number: string;
  /** As in `05-implicit-steps-on-mnist`. */
  name: string;
  question: string;
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
  const path = joined(courseFolder(), folder);
  return (
    namesIn(path)
      .filter((file) => /^\d\d[a-z]?-.*\.md$/.test(file))
      // By number: 04, 04b, 05.
      .sort((a, b) => (numberIn(a) < numberIn(b) ? -1 : 1))
      .map((file) => ({ name: file.slice(0, -3), text: readText(joined(path, file)) }))
  );
}

const numberIn = (file: string) => file.slice(0, file.indexOf('-'));
