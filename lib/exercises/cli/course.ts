import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exerciseIds, unknownExercise } from '../catalogue';
import { exerciseNotebook, type Notebook } from '../source/notebook';
import { exercisesIn, parseSource, type SourceCell } from '../source/parse';

/** Something the user can put right, told in a sentence; the command ends with status 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The source of some exercises, and the notebook that a learner works in. */
export interface Source {
  /** As in `08-derivative-of-an-argmin`. */
  name: string;
  ids: string[];
  cells: SourceCell[];
  /** The file of the learner's notebook. */
  notebook: string;
  /** That notebook as it was before anyone wrote in it. */
  fresh(): Notebook;
}

/** The course that this library lies in, unless the variable IMPLICIT_LAB_COURSE names another. */
export function courseFolder(): string {
  return process.env.IMPLICIT_LAB_COURSE || join(__dirname, '..', '..', '..');
}

/**
 * The sources of all exercises, by lesson.
 *
 * @throws UsageError where there is no course here
 */
export function sources(): Source[] {
  const folder = join(courseFolder(), 'exercises');
  if (!existsSync(folder)) {
    throw new UsageError(
      `There are no exercises in ${folder}: run this in a checkout of the course.`,
    );
  }
  return readdirSync(folder)
    .filter((file) => /^\d\d-.*\.md$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const cells = parseSource(text, file);
      const name = file.slice(0, -3);
      return {
        name,
        cells,
        ids: exercisesIn(cells),
        notebook: join(folder, `${name}.ipynb`),
        fresh: () => exerciseNotebook(cells, text, file),
      };
    });
}

/**
 * The source of an exercise.
 *
 * @throws UsageError for an id that does not exist, with the one that may have been meant
 */
export function sourceOf(id: string, all: readonly Source[] = sources()): Source {
  const source = all.find(({ ids }) => ids.includes(id));
  if (!source || !exerciseIds().includes(id)) throw new UsageError(unknownExercise(id));
  return source;
}
