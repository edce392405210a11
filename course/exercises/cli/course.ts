import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exerciseIds, unknownExercise } from '../catalogue';
import { courseFolder, textsIn } from '../lessons';
import { exerciseNotebook, type Notebook } from '../source/notebook';
import { exercisesIn, parseSource, type SourceCell } from '../source/parse';

/** An error that the user can put right, as a sentence; the command ends with status 2. */
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
  return textsIn('exercises').map(({ name, text }) => {
    const file = `${name}.md`;
    const cells = parseSource(text, file);
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
