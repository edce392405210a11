import { readFileSync, statSync } from 'node:fs';
import type { Notebook, NotebookCell } from '../source/notebook';
import { textOf } from '../source/notebook';

/** A notebook that cannot be read, and why, as a sentence. */
export class NotebookError extends Error {
  override name = 'NotebookError';
}

const MOST_BYTES = 50e6;

/**
 * Reads a notebook's file.
 *
 * @throws NotebookError where it is missing, too large, or no notebook
 */
export function readNotebook(path: string): Notebook {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new NotebookError('it is missing');
  if (!found.isFile()) throw new NotebookError('it is not a file');
  const { size } = found;
  if (size > MOST_BYTES) throw new NotebookError(`it has ${Math.round(size / 1e6)} MB`);
  let notebook: Notebook;
  try {
    notebook = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new NotebookError(`it is not a notebook: ${(error as Error).message}`);
  }
  if (!Array.isArray(notebook?.cells) || !notebook.cells.every(isCell)) {
    throw new NotebookError('it is not a notebook: its cells are not there, or not cells');
  }
  return notebook;
}

const isCell = (cell: Partial<NotebookCell> | null) =>
  typeof cell?.cell_type === 'string' &&
  (typeof cell.source === 'string' ||
    (Array.isArray(cell.source) && cell.source.every((line) => typeof line === 'string')));

const HEADING = /^## ([a-z]+-\d\d) · /m;

/**
 * The exercise to whose section each cell belongs, nothing before the first one. A heading begins a
 * section; where someone deleted it, the mark that the cell was made with tells.
 */
export function sectionsOf(cells: readonly NotebookCell[]): (string | undefined)[] {
  let current: string | undefined;
  return cells.map((cell) => {
    const heading = cell.cell_type === 'markdown' ? HEADING.exec(textOf(cell)) : null;
    const mark = cell.metadata?.['implicit-lab']?.exercise;
    current = heading?.[1] ?? (typeof mark === 'string' ? mark : current);
    return current;
  });
}

/** The exercises of which a notebook has sections, or calls of `check`. */
export function exercisesOf(notebook: Notebook): string[] {
  const ids = new Set<string>();
  for (const id of sectionsOf(notebook.cells)) if (id) ids.add(id);
  for (const cell of notebook.cells) {
    if (cell.cell_type !== 'code') continue;
    for (const [, id] of textOf(cell).matchAll(CHECK)) ids.add(id!);
  }
  return [...ids];
}

const CHECK = /\bcheck\(\s*['"`]([\w-]+)['"`]/g;

/**
 * The code that belongs to an exercise: what comes before all sections, and its own section; where
 * that has no `check`, all there is.
 */
export function codeFor({ cells }: Notebook, id: string): string[] {
  const sections = sectionsOf(cells);
  const code = (belongs: (section: string | undefined) => boolean) =>
    cells
      .filter((cell, i) => cell.cell_type === 'code' && belongs(sections[i]))
      .map(textOf)
      // Lines for the kernel alone.
      .map((text) => text.replace(/^[%!].*$/gm, ''));
  const own = code((section) => section === undefined || section === id);
  const isChecked = own.some((text) => [...text.matchAll(CHECK)].some(([, name]) => name === id));
  return isChecked ? own : code(() => true);
}
