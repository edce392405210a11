import { escapeHtml, formatNumber } from '../../output';
import type { Evidence } from '../compare';
import { formulaText } from '../formula-text';
import { richHtml } from '../rich-text';
import {
  type ClassSummary,
  type ExerciseCount,
  type Mistake,
  type Student,
  stateOf,
} from './class';

/** Classes larger than this have their table folded. */
const MOST_ROWS = 60;
const MOST_NAMES = 12;
const MOST_ADVICE = 5;

/** What an exercise is called, and the lesson it belongs to. */
export type Titles = ReadonlyMap<string, { title: string; lesson: string }>;

/** A class as one page, which loads nothing and runs nothing. */
export function classPage(summary: ClassSummary, titles: Titles): string {
  const { students, exercises, mistakes, problems } = summary;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The class at a glance</title>
<style>${STYLE}</style>
</head>
<body>
<h1>The class at a glance</h1>
${headline(summary)}
<h2>What to say next time</h2>
${advice(mistakes, exercises, students.length, titles)}
<h2>Exercises</h2>
${exerciseTable(exercises, titles)}
<h2>Mistakes, by how many made them</h2>
${mistakes.length === 0 ? '<p>None.</p>' : mistakes.map((mistake) => mistakeBlock(mistake, students.length, titles)).join('\n')}
<h2>Who is how far</h2>
${studentTable(students, exercises, titles)}
${problems.length === 0 ? '' : problemList(problems)}
</body>
</html>
`;
}

function headline({ students, exercises }: ClassSummary): string {
  const total = exercises.reduce((sum, { right }) => sum + right, 0);
  const all = students.length * exercises.length;
  const done = students.filter(({ right }) => right === exercises.length).length;
  const facts = [
    [String(students.length), students.length === 1 ? 'student' : 'students'],
    [String(exercises.length), exercises.length === 1 ? 'exercise' : 'exercises'],
    [percent(total, all), 'of all answers are right'],
    [String(done), 'have all exercises right'],
  ];
  return `<div class="facts">${facts.map(([number, words]) => `<div><b>${number}</b> ${words}</div>`).join('')}</div>`;
}

function advice(
  mistakes: readonly Mistake[],
  exercises: readonly ExerciseCount[],
  count: number,
  titles: Titles,
): string {
  const shared = mistakes
    .filter(({ isNamed, students }) => isNamed && (students.length > 1 || count === 1))
    .slice(0, MOST_ADVICE)
    .map(
      ({ exercise, name, students, explanation }) =>
        `<li><b>${escapeHtml(name)}</b> in ${nameOf(exercise, titles)}: ${students.length} of ${count}. ${prose(explanation)}</li>`,
    );
  const open = exercises
    .filter(({ toDo, none }) => count > 1 && toDo + none > count / 2)
    .map(
      ({ id, toDo, none }) =>
        `<li>${nameOf(id, titles)} is still to do for ${toDo + none} of ${count}.</li>`,
    );
  const items = [...shared, ...open];
  return items.length === 0
    ? '<p>No mistake was made by more than one.</p>'
    : `<ol>${items.join('')}</ol>`;
}

function exerciseTable(exercises: readonly ExerciseCount[], titles: Titles): string {
  const rows = exercises.map(({ id, right, wrong, toDo, none }) => {
    const part = (name: string, count: number, words: string) =>
      count === 0 ? '' : `<i class="${name}" style="flex: ${count}" title="${count} ${words}"></i>`;
    const bar = `<div class="bar">${part('right', right, 'right')}${part('wrong', wrong, 'not yet')}${part('to-do', toDo, 'to do')}${part('none', none, 'not handed in')}</div>`;
    const cells = [right, wrong, toDo, none].map((n) => `<td class="number">${n}</td>`).join('');
    return `<tr><th scope="row">${nameOf(id, titles)}</th>${cells}<td class="wide">${bar}</td></tr>`;
  });
  const counts = ['✓ right', '✗ not yet', '○ to do', '· not handed in'];
  const heads = counts.map((head) => `<th scope="col" class="number">${head}</th>`).join('');
  return `<table><thead><tr><th scope="col">exercise</th>${heads}<th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function mistakeBlock(
  { exercise, name, students, explanation, evidence }: Mistake,
  count: number,
  titles: Titles,
): string {
  const shown = students.slice(0, MOST_NAMES).map(escapeHtml).join(', ');
  const more = students.length > MOST_NAMES ? ` and ${students.length - MOST_NAMES} more` : '';
  return `<section>
<h3><span class="count">${students.length} of ${count}</span> ${escapeHtml(name)} <small>${nameOf(exercise, titles)}</small></h3>
${prose(explanation)}
${evidence.length > 0 ? `<p class="example">For example: ${evidence.map(evidenceText).join('; ')}.</p>` : ''}
<p class="who">${shown}${more}</p>
</section>`;
}

/** Markdown as HTML, with formulas as a line of plain characters: nothing here typesets them. */
const prose = (markdown: string) =>
  richHtml(markdown.replace(/\$\$?([^$]+)\$\$?/g, (_, tex) => formulaText(tex)));

const evidenceText = ({ probe, entry, yours, right }: Evidence) =>
  `on the ${escapeHtml(probe)} probe, ${escapeHtml(entry)} is ${numberText(yours)} where ${numberText(right)} is right`;

const numberText = (value: number | string) =>
  escapeHtml(typeof value === 'number' ? formatNumber(value, 6) : value);

function studentTable(
  students: readonly Student[],
  exercises: readonly ExerciseCount[],
  titles: Titles,
): string {
  const heads = exercises
    .map(
      ({ id }) =>
        `<th scope="col" class="turned" title="${escapeHtml(titles.get(id)?.title ?? id)}"><span>${escapeHtml(id)}</span></th>`,
    )
    .join('');
  const rows = students.map(({ name, right, verdicts }) => {
    const cells = exercises.map(({ id }) => {
      const verdict = verdicts.get(id);
      const state = stateOf(verdict);
      return `<td class="${state}" title="${escapeHtml(`${id}: ${verdict?.title ?? 'not handed in'}`)}">${SIGNS[state]}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(name)}</th><td class="number">${right}</td>${cells.join('')}</tr>`;
  });
  const table = `<div class="scroll"><table class="matrix"><thead><tr><th scope="col">student</th><th scope="col">✓</th>${heads}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
  return students.length > MOST_ROWS
    ? `<details><summary>All ${students.length} students</summary>${table}</details>`
    : table;
}

const SIGNS = { right: '✓', wrong: '✗', 'to-do': '○', none: '·' };

const problemList = (problems: ClassSummary['problems']) =>
  `<h2>Notebooks in which nothing could be checked</h2><ul>${problems.map(({ file, message }) => `<li><code>${escapeHtml(file)}</code>: ${escapeHtml(message)}</li>`).join('')}</ul>`;

function nameOf(id: string, titles: Titles): string {
  const title = titles.get(id)?.title;
  return `<span class="name">${escapeHtml(id)}</span>${title ? ` ${escapeHtml(title)}` : ''}`;
}

const percent = (part: number, all: number) =>
  all === 0 ? '–' : `${Math.round((100 * part) / all)} %`;

const STYLE = `
:root { color-scheme: light dark; --text: #222; --back: #fff; --line: #ddd; --right: #009E73; --wrong: #D55E00; --to-do: #9a9a9a; --none: #e4e4e4; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --back: #181818; --line: #444; --none: #333; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 1100px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.7em; } h2 { font-size: 1.25em; margin-top: 2em; } h3 { font-size: 1em; margin: 0 0 .3em; }
.facts { display: flex; flex-wrap: wrap; gap: .5em 2.5em; } .facts b { font-size: 1.6em; margin-right: .2em; }
table { border-collapse: collapse; } td, th { padding: .15em .6em; text-align: left; border-bottom: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; } .wide { width: 16em; }
th { font-weight: 500; } .name { font-family: ui-monospace, monospace; font-size: .92em; }
.bar { display: flex; height: .8em; } .bar i { min-width: 1px; }
.bar .right { background: var(--right); } .bar .wrong { background: var(--wrong); } .bar .to-do { background: var(--to-do); } .bar .none { background: var(--none); }
section { border-left: 4px solid var(--wrong); padding: .1em 1em; margin: 1em 0; }
.count { display: inline-block; background: var(--wrong); color: #fff; border-radius: .8em; padding: 0 .7em; margin-right: .3em; }
small { font-weight: 400; opacity: .8; } .who { opacity: .75; font-size: .9em; } p { margin: .3em 0; } li { margin: .4em 0; }
.scroll { overflow-x: auto; } .matrix td { text-align: center; padding: .1em .3em; } .matrix th[scope=row] { white-space: nowrap; }
.matrix td.right { color: var(--right); } .matrix td.wrong { color: var(--wrong); } .matrix td.to-do, .matrix td.none { color: var(--to-do); }
.turned { height: 7.5em; vertical-align: bottom; padding: 0 .2em .4em; } .turned span { writing-mode: vertical-rl; transform: rotate(180deg); font-family: ui-monospace, monospace; font-size: .85em; }
`;
