import type { Exercise } from '../exercise';
import {
  exerciseNotebook,
  linesOf,
  type Notebook,
  type NotebookCell,
  solutionNotebook,
  textOf,
} from './notebook';
import type { SourceCell } from './parse';

/** What nbgrader keeps with a cell, as its version 3 does. */
interface Grading {
  schema_version: 3;
  grade_id: string;
  /** Whether the cell gives points: all of them where it throws nothing. */
  grade: boolean;
  /** Whether the student writes in it. */
  solution: boolean;
  /** Whether nbgrader puts it back as it was before it grades. */
  locked: boolean;
  task: boolean;
  points?: number;
}

/** What the other notebook has in place of a solution. */
type SourceMetadata = NotebookCell['metadata'] & {
  nbgrader?: Grading;
  'implicit-lab-stub'?: string;
};

/**
 * A notebook of exercises as nbgrader's instructors have it: with the solutions, and next to each the
 * stub that students get; the checks are locked and give points by difficulty.
 */
export function nbgraderNotebook(
  cells: readonly SourceCell[],
  text: string,
  source: string,
  exercises: ReadonlyMap<string, Pick<Exercise, 'difficulty'>>,
): Notebook {
  // What only the solution says is for after the course.
  const shared = cells.filter(({ stub }) => stub !== undefined);
  const notebook = solutionNotebook(shared, text, source);
  const numbers = new Map<string, number>();
  notebook.cells = notebook.cells.map((cell, i) => {
    const { exercise, stub, solution } = shared[i]!;
    const difficulty = exercises.get(exercise ?? '')?.difficulty;
    if (!exercise || difficulty === undefined || cell.cell_type !== 'code') return cell;
    if (stub !== solution) return answerCell(cell, exercise, stub!, numbers);
    const checked = CHECK.exec(textOf(cell));
    return checked ? checkCell(cell, exercise, checked[2]!, difficulty) : cell;
  });
  // Only this tells a checker whether someone has written in it; nbgrader changes all cells.
  const { cells: _, ...origin } = exerciseNotebook(cells, text, source).metadata['implicit-lab']!;
  notebook.metadata['implicit-lab'] = origin;
  return notebook;
}

const CHECK = /^await check\('([\w-]+)', ([\s\S]+?)\);?\s*$/m;

function answerCell(
  cell: NotebookCell,
  exercise: string,
  stub: string,
  numbers: Map<string, number>,
): NotebookCell {
  const number = (numbers.get(exercise) ?? 0) + 1;
  numbers.set(exercise, number);
  const metadata: SourceMetadata = {
    ...cell.metadata,
    'implicit-lab-stub': stub,
    nbgrader: gradingOf(`${exercise}-answer-${number}`, { solution: true }),
  };
  return { ...cell, metadata };
}

function checkCell(
  cell: NotebookCell,
  exercise: string,
  answer: string,
  points: number,
): NotebookCell {
  const metadata: SourceMetadata = {
    ...cell.metadata,
    nbgrader: { ...gradingOf(exercise, { grade: true, locked: true }), points },
  };
  // Under another name: a cell of the student's may have taken `check` for its own.
  const code = `import { check as verdictOn } from 'implicit-lab-course';
{
  const { passed, title } = await verdictOn('${exercise}', ${answer});
  if (!passed) throw new Error('${exercise}: ' + title);
}`;
  return { ...cell, metadata, source: linesOf(code) };
}

const gradingOf = (
  grade_id: string,
  {
    grade = false,
    solution = false,
    locked = false,
  }: { grade?: boolean; solution?: boolean; locked?: boolean },
): Grading => ({ schema_version: 3, grade_id, grade, solution, locked, task: false });
