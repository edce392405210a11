import { existsSync, writeFileSync } from 'node:fs';
import { exerciseIds, loadExercises } from '../catalogue';
import { notebooksOfExercises } from '../lessons';
import { type ClassSummary, stateOf, summarise, withoutNames } from './class';
import { classPage } from './class-page';
import { UsageError } from './course';
import { infinities, RecordsError, readRecords } from './records';

export interface ClassReportOptions {
  files: readonly string[];
  /** Whether names are replaced. */
  anonymous: boolean;
  /** What is printed rather than a page written. */
  form: 'page' | 'csv' | 'json';
  /** The page's file; `report.html` by default. */
  out: string | undefined;
}

/** `implicit-lab report FILE …`: the class at a glance; returns the exit status. */
export async function classReport(options: ClassReportOptions): Promise<number> {
  const { files, anonymous, form, out = 'report.html' } = options;
  if (files.length === 0) {
    throw new UsageError(
      'report takes a file of verdicts, as in: npx implicit-lab report verdicts.json',
    );
  }
  const full = summaryOf(files);
  const summary = anonymous ? withoutNames(full, shuffled) : full;
  if (form === 'csv') process.stdout.write(csvOf(summary));
  else if (form === 'json')
    process.stdout.write(`${JSON.stringify(jsonOf(summary), infinities, 2)}\n`);
  else {
    const titles = new Map(
      (await loadExercises()).map(({ id, title, lesson }) => [id, { title, lesson }]),
    );
    writeFileSync(out, classPage(summary, titles));
    console.log(
      `${out}: ${summary.students.length} students, ${summary.exercises.length} exercises.`,
    );
  }
  return 0;
}

function summaryOf(files: readonly string[]): ClassSummary {
  const lines = files.flatMap((file) => {
    if (!existsSync(file)) throw new UsageError(`${file} is not there.`);
    try {
      return readRecords(file);
    } catch (error) {
      if (error instanceof RecordsError) throw new UsageError(error.message);
      throw error;
    }
  });
  const verdicts = lines.flatMap((line) => (line.type === 'verdict' ? [line.verdict] : []));
  const problems = lines.flatMap((line) =>
    line.type === 'problem' ? [{ file: line.file, message: line.message }] : [],
  );
  const inCourse = [...notebooksOfExercises().keys()].filter((id) => exerciseIds().includes(id));
  return summarise(verdicts, problems, inCourse);
}

/** The numbers from 0 on in an order that cannot be inferred from anything else. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** A row for each student and exercise. */
function csvOf({ students, exercises }: ClassSummary): string {
  const rows = [['submission', 'exercise', 'state', 'status', 'mistake', 'title', 'seconds']];
  for (const { name, verdicts } of students) {
    for (const { id } of exercises) {
      const verdict = verdicts.get(id);
      rows.push([
        name,
        id,
        stateOf(verdict),
        verdict?.status ?? '',
        verdict?.mistake ?? '',
        verdict?.title ?? '',
        verdict ? String(verdict.seconds) : '',
      ]);
    }
  }
  return rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

/** A spreadsheet takes what begins with one of these signs for a formula. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function jsonOf({ students, exercises, mistakes, problems }: ClassSummary) {
  return {
    version: 1,
    students: students.map(({ name, right, tried, verdicts }) => ({
      name,
      right,
      tried,
      exercises: Object.fromEntries(exercises.map(({ id }) => [id, stateOf(verdicts.get(id))])),
    })),
    exercises,
    mistakes,
    problems,
  };
}
