import type { Evidence } from '../compare';
import type { Reported } from './records';

/** A student's state in one exercise. */
export type State = 'right' | 'wrong' | 'to-do' | 'none';

export interface Student {
  name: string;
  right: number;
  tried: number;
  /** By exercise; the best of several notebooks. */
  verdicts: Map<string, Reported>;
}

export interface ExerciseCount {
  id: string;
  right: number;
  wrong: number;
  toDo: number;
  /** Students who handed in nothing for it. */
  none: number;
}

/** A mistake that has a name, or a way to fail that has none. */
export interface Mistake {
  exercise: string;
  /** What it is called. */
  name: string;
  /** Whether it is one of the exercise's own: a known mistake, or a property that does not hold. */
  isNamed: boolean;
  students: string[];
  /** What the verdict says to the one who made it, of the first of them. */
  explanation: string;
  evidence: Evidence[];
}

/** A class at a glance. */
export interface ClassSummary {
  students: Student[];
  exercises: ExerciseCount[];
  /** Those that most made first. */
  mistakes: Mistake[];
  problems: { file: string; message: string }[];
}

/** How far an exercise is, by its verdict. */
export function stateOf(verdict: Reported | undefined): State {
  if (!verdict) return 'none';
  if (verdict.passed) return 'right';
  return verdict.status === 'to-do' || verdict.status === 'missing' ? 'to-do' : 'wrong';
}

const RANK: Record<State, number> = { none: 0, 'to-do': 1, wrong: 2, right: 3 };

/**
 * What verdicts say of a class: who is how far, and which mistakes were made by how many.
 *
 * @param order the exercises in the order of the course; others come behind
 */
export function summarise(
  verdicts: Iterable<Reported>,
  problems: readonly { file: string; message: string }[],
  order: readonly string[],
): ClassSummary {
  const byName = new Map<string, Student>();
  const seen = new Set<string>();
  for (const verdict of verdicts) {
    const name = verdict.submission ?? 'you';
    const student = byName.get(name) ?? { name, right: 0, tried: 0, verdicts: new Map() };
    byName.set(name, student);
    seen.add(verdict.exercise);
    const before = stateOf(student.verdicts.get(verdict.exercise));
    if (RANK[stateOf(verdict)] >= RANK[before]) student.verdicts.set(verdict.exercise, verdict);
  }
  const students = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const student of students) {
    const states = [...student.verdicts.values()].map(stateOf);
    student.right = states.filter((state) => state === 'right').length;
    student.tried = states.filter((state) => state === 'right' || state === 'wrong').length;
  }
  const ids = [
    ...order.filter((id) => seen.has(id)),
    ...[...seen].filter((id) => !order.includes(id)).sort(),
  ];
  return {
    students,
    exercises: ids.map((id) => countOf(id, students)),
    mistakes: mistakesOf(students),
    problems: [...problems],
  };
}

function countOf(id: string, students: readonly Student[]): ExerciseCount {
  const states = students.map(({ verdicts }) => stateOf(verdicts.get(id)));
  const count = (wanted: State) => states.filter((state) => state === wanted).length;
  return {
    id,
    right: count('right'),
    wrong: count('wrong'),
    toDo: count('to-do'),
    none: count('none'),
  };
}

function mistakesOf(students: readonly Student[]): Mistake[] {
  const mistakes = new Map<string, Mistake>();
  for (const { name, verdicts } of students) {
    for (const verdict of verdicts.values()) {
      if (stateOf(verdict) !== 'wrong') continue;
      const { exercise, mistake, title, explanation, evidence } = verdict;
      const key = `${exercise}\0${mistake ?? title}`;
      const found = mistakes.get(key) ?? {
        exercise,
        name: mistake ?? title,
        isNamed: mistake !== undefined,
        students: [],
        explanation,
        evidence,
      };
      found.students.push(name);
      mistakes.set(key, found);
    }
  }
  return [...mistakes.values()].sort(
    (a, b) => b.students.length - a.students.length || (a.exercise < b.exercise ? -1 : 1),
  );
}

/**
 * The same with other names, `student 1` and so on, in an order that reveals nothing about the names.
 * Files, and the words of errors, are left out: they may hold names, too.
 */
export function withoutNames(
  summary: ClassSummary,
  shuffled: (count: number) => number[],
): ClassSummary {
  const order = shuffled(summary.students.length);
  const alias = new Map(
    summary.students.map(({ name }, i) => [name, `student ${order[i]! + 1}`] as const),
  );
  const hide = (name: string) => alias.get(name)!;
  return {
    students: summary.students
      .map((student) => ({ ...student, name: hide(student.name) }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
    exercises: summary.exercises,
    mistakes: summary.mistakes.map((mistake) => ({
      ...mistake,
      students: mistake.students.map(hide),
      explanation: mistake.isNamed ? mistake.explanation : '',
    })),
    problems: summary.problems.map(({ message }, i) => ({
      file: `notebook ${i + 1}`,
      message: message.startsWith('it is not a notebook') ? 'it is not a notebook' : message,
    })),
  };
}
