import { escapeHtml, formatSeconds } from '../output';
import type { Exercise } from './exercise';
import { type Standing, UNTOUCHED } from './journal';
import type { Lesson } from './lessons';

/** How far an exercise is. */
export type Mark = 'done' | 'tried' | 'open';

/** What the map of the course shows. */
export interface Way {
  lessons: readonly Lesson[];
  /** In the order of the course. */
  exercises: readonly Exercise[];
  standings: ReadonlyMap<string, Standing>;
  /** The notebook of each exercise, by its id: `08-derivative-of-an-argmin`. */
  notebooks: ReadonlyMap<string, string>;
  /** The ids of the questions in the lessons, `04-a`; none where they are left out. */
  questions?: readonly string[];
}

const SIGNS: Record<Mark, string> = { done: '✓', tried: '◐', open: '○' };

export function markOf({ standings }: Way, id: string): Mark {
  const { isDone, checks, hints, sawSolution } = standings.get(id) ?? UNTOUCHED;
  if (isDone) return 'done';
  return checks > 0 || hints > 0 || sawSolution ? 'tried' : 'open';
}

/** The first exercise that is not done and whose exercises before it are. */
export function nextOn(way: Way): Exercise | undefined {
  const isDone = (id: string) => markOf(way, id) === 'done';
  const ids = new Set(way.exercises.map(({ id }) => id));
  return way.exercises.find(
    ({ id, needs }) => !isDone(id) && needs.every((need) => !ids.has(need) || isDone(need)),
  );
}

/** The way through the course as lines of text: lessons, and under each its exercises. */
export function wayText(way: Way): string {
  const lines = [headline(way), ''];
  for (const { number, question } of lessonsOf(way)) {
    const asked = questionsOf(way, number).map((id) => `${SIGNS[markOf(way, id)]} ${id}`);
    lines.push(`${number}  ${question}${asked.length > 0 ? `  (${asked.join(' ')})` : ''}`);
    for (const exercise of way.exercises.filter(({ lesson }) => lesson === number)) {
      const { id, title, minutes, difficulty } = exercise;
      const facts = [`difficulty ${difficulty}`, `${minutes} min`, ...after(exercise)].join(', ');
      lines.push(`    ${SIGNS[markOf(way, id)]} ${id.padEnd(13)} ${title} (${facts})`);
    }
  }
  const next = nextOn(way);
  if (next) lines.push('', `Next: ${next.id}, ${next.title}.`);
  return lines.join('\n');
}

const COLOURS: Record<Mark, string> = {
  done: '0, 158, 115',
  tried: '230, 159, 0',
  open: '128, 128, 128',
};

const questionsOf = ({ questions = [] }: Way, lesson: string) =>
  questions.filter((id) => id.startsWith(`${lesson}-`));

/** The same as HTML, in colours that read well on light and dark pages. */
export function wayHtml(way: Way): string {
  const rows = lessonsOf(way).map((lesson) => {
    const own = way.exercises.filter((exercise) => exercise.lesson === lesson.number);
    const question = lesson.name
      ? `<a href="../notebooks/${escapeHtml(lesson.name)}.ipynb" style="color: inherit">${escapeHtml(lesson.question)}</a>`
      : escapeHtml(lesson.question);
    const cell = 'text-align: left; vertical-align: top; padding: 5px 10px 5px 0';
    return [
      '<tr style="background: none">',
      `<td style="${cell}; opacity: .6; font-variant-numeric: tabular-nums; white-space: nowrap">${lesson.number}</td>`,
      `<td style="${cell}; width: 45%">${question}${askedIn(way, lesson.number)}</td>`,
      `<td style="${cell}; width: 50%">${own.map((exercise) => chip(way, exercise)).join(' ') || '<span style="opacity: .5">–</span>'}</td>`,
      '</tr>',
    ].join('');
  });
  const next = nextOn(way);
  return [
    '<div style="max-width: 860px">',
    `<div><b>${escapeHtml(headline(way))}</b></div>`,
    bar(way),
    next ? `<div>Next: <b>${next.id}</b>, ${escapeHtml(next.title)}.</div>` : '',
    `<table style="width: 100%; table-layout: auto; border-collapse: collapse; margin-top: 8px; font-size: 100%"><tbody>${rows.join('')}</tbody></table>`,
    `<div style="opacity: .7; font-size: 90%">${SIGNS.done} done · ${SIGNS.tried} tried · ${SIGNS.open} open · the dots are the difficulty · ← what should come first</div>`,
    '</div>',
  ].join('');
}

/** The marks of a lesson's questions, small. */
function askedIn(way: Way, lesson: string): string {
  const marks = questionsOf(way, lesson).map((id) => `${SIGNS[markOf(way, id)]} ${id}`);
  return marks.length === 0
    ? ''
    : ` <span title="the questions in the lesson" style="opacity: .6; font-size: 80%; white-space: nowrap">${marks.join(' ')}</span>`;
}

function chip(way: Way, exercise: Exercise): string {
  const { id, title, minutes, difficulty, needs } = exercise;
  const mark = markOf(way, id);
  const rgb = COLOURS[mark];
  const before = needs.filter((need) => way.exercises.some((other) => other.id === need));
  const notebook = way.notebooks.get(id);
  const name = notebook
    ? `<a href="../exercises/${escapeHtml(notebook)}.ipynb" style="color: inherit; text-decoration: none">${id}</a>`
    : id;
  const words = [title, `${minutes} min`, ...after(exercise)].join(' · ');
  return [
    `<span title="${escapeHtml(words)}" style="display: inline-block; white-space: nowrap; margin: 0 4px 4px 0; padding: 1px 9px; border: 1px solid rgba(${rgb}, .9); border-radius: 10px; background: rgba(${rgb}, ${mark === 'open' ? 0 : 0.18})">`,
    `${SIGNS[mark]} ${name} <span style="opacity: .6; font-size: 80%">${'•'.repeat(difficulty)} ${minutes} min${before.length > 0 ? ` ← ${before.join(', ')}` : ''}</span>`,
    '</span>',
  ].join('');
}

function bar(way: Way): string {
  const share = (mark: Mark) =>
    (100 * way.exercises.filter(({ id }) => markOf(way, id) === mark).length) /
    Math.max(1, way.exercises.length);
  const part = (mark: Mark, opacity: number) =>
    `<div style="width: ${share(mark).toFixed(1)}%; background: rgba(${COLOURS[mark]}, ${opacity})"></div>`;
  return `<div style="display: flex; height: 8px; border-radius: 4px; overflow: hidden; margin: 6px 0; background: rgba(128, 128, 128, .25)">${part('done', 1)}${part('tried', 0.8)}</div>`;
}

function headline(way: Way): string {
  const { exercises } = way;
  const left = exercises.filter(({ id }) => markOf(way, id) !== 'done');
  const minutes = left.reduce((sum, exercise) => sum + exercise.minutes, 0);
  const done = `${exercises.length - left.length} of ${exercises.length} exercises done`;
  return left.length === 0
    ? `${done}: the whole way.`
    : `${done}, about ${formatSeconds(60 * minutes).replace(/ 00 (s|min)$/, '')} left`;
}

const after = ({ needs }: Exercise) => {
  const exercises = needs.filter((need) => need.includes('-'));
  return exercises.length > 0 ? [`after ${exercises.join(', ')}`] : [];
};

/** The lessons, and where exercises speak of one that is not there, a row for it all the same. */
function lessonsOf({ lessons, exercises }: Way): Lesson[] {
  const known = new Set(lessons.map(({ number }) => number));
  const others = [...new Set(exercises.map(({ lesson }) => lesson))]
    .filter((number) => !known.has(number))
    .map((number) => ({ number, name: '', question: `Lesson ${number}` }));
  return [...lessons, ...others].sort((a, b) => (a.number < b.number ? -1 : 1));
}
