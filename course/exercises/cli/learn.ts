import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { hint as showHint } from '../hint';
import { readJournal, remember, standings } from '../journal';
import { richText } from '../rich-text';
import { fileText, type Notebook } from '../source/notebook';
import { NotebookError, readNotebook, sectionsOf } from '../submission';
import { type Source, sourceOf } from './course';

/** `implicit-lab hint ID`: the next hint. */
export async function hint(id: string): Promise<number> {
  sourceOf(id);
  await showHint(id);
  return 0;
}

/** `implicit-lab reset ID`: puts the stub back, and keeps a copy of the notebook as it was. */
export function reset(id: string): number {
  const source = sourceOf(id);
  const path = relative(process.cwd(), source.notebook);
  if (!existsSync(source.notebook)) {
    write(source.notebook, source.fresh());
    console.log(`${path} was missing: made again.`);
    return 0;
  }
  const copy = backUp(source.notebook, id);
  try {
    write(source.notebook, withFreshSection(readNotebook(source.notebook), source, id));
    console.log(`${id} is as it was in the beginning.`);
  } catch (error) {
    if (!(error instanceof NotebookError)) throw error;
    write(source.notebook, source.fresh());
    console.log(`${path} could not be read (${error.message}): all of it was made again.`);
  }
  console.log(
    `What was there is kept in ${relative(process.cwd(), copy)}. Reload the notebook in JupyterLab.`,
  );
  return 0;
}

function backUp(notebook: string, id: string): string {
  const folder = join(dirname(notebook), '.backup');
  mkdirSync(folder, { recursive: true });
  const time = new Date().toISOString().replace(/\D/g, '');
  const copy = join(folder, `${basename(notebook, '.ipynb')}.${id}.${time}.ipynb`);
  copyFileSync(notebook, copy);
  return copy;
}

/** The notebook with the cells of one exercise as they were made, where they now are, or last. */
function withFreshSection(notebook: Notebook, source: Source, id: string): Notebook {
  const fresh = source.fresh();
  const freshSections = sectionsOf(fresh.cells);
  const section = fresh.cells.filter((_, i) => freshSections[i] === id);
  const sections = sectionsOf(notebook.cells);
  const at = sections.indexOf(id);
  const others = notebook.cells.filter((_, i) => sections[i] !== id);
  const before = at < 0 ? others.length : sections.slice(0, at).filter((one) => one !== id).length;
  const names = new Set(section.map((cell) => cell.id));
  const kept = others.map((cell) =>
    names.has(cell.id) ? { ...cell, id: `${cell.id}-copy`.slice(0, 64) } : cell,
  );
  return { ...notebook, cells: [...kept.slice(0, before), ...section, ...kept.slice(before)] };
}

function write(file: string, notebook: Notebook) {
  writeFileSync(`${file}.partial`, fileText(notebook));
  renameSync(`${file}.partial`, file);
}

/** `implicit-lab solution ID`: prints the solution, and remembers that it was looked at. */
export async function solution(id: string, { yes }: { yes: boolean }): Promise<number> {
  const source = sourceOf(id);
  const isDone = standings(readJournal().entries).get(id)?.isDone ?? false;
  if (!yes && !isDone && process.stdin.isTTY && !(await agrees(id))) return 0;
  const cells = source.cells.filter(({ exercise }) => exercise === id);
  const solved = cells.filter(({ solution, stub }) => solution !== stub);
  for (const { kind, solution } of solved) {
    console.log(kind === 'code' ? `${solution}\n` : `${richText(solution)}\n`);
  }
  console.log(`Run it in solutions/${source.name}.ipynb.`);
  if (!isDone) remember({ exercise: id, event: 'solution' });
  return 0;
}

async function agrees(id: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(
      `Show the solution of ${id}, which is not done yet? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
