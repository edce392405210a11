import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { exercisesIn, type SourceCell } from './parse';

/** A notebook as its file holds it. */
export interface Notebook {
  cells: NotebookCell[];
  metadata: Record<string, unknown> & { 'implicit-lab'?: NotebookOrigin };
  nbformat: number;
  nbformat_minor: number;
}

export interface NotebookCell {
  cell_type: 'code' | 'markdown' | 'raw';
  id?: string;
  metadata: Record<string, unknown> & { 'implicit-lab'?: { exercise: string } };
  source: string | string[];
  outputs?: unknown[];
  execution_count?: number | null;
}

/** Where a notebook comes from. */
export interface NotebookOrigin {
  source: string;
  /** Of the source, as it was. */
  sha256: string;
  /** Of the cells as they were made: with others, it holds someone's own work. */
  cells?: string;
}

const KERNELSPEC = { display_name: 'TypeScript', language: 'typescript', name: 'implicit-kernel' };

/**
 * What the kernel says of itself: JupyterLab takes a notebook that says otherwise for changed. Read when
 * a notebook is made: only the course's own checkout is sure to have the compiler.
 */
const languageInfo = () => ({
  codemirror_mode: 'typescript',
  file_extension: '.ts',
  mimetype: 'text/typescript',
  name: 'typescript',
  nbconvert_exporter: 'script',
  pygments_lexer: 'typescript',
  version: (createRequire(__filename)('typescript/package.json') as { version: string }).version,
});

/** The notebook that learners get: stubs instead of solutions, and a cell for hints. */
export function exerciseNotebook(cells: readonly SourceCell[], text: string, source: string) {
  const made: NotebookCell[] = [];
  const numbers = new Map<string, number>();
  const add = (kind: 'code' | 'markdown', words: string, exercise?: string) =>
    made.push(cellOf(kind, words, exercise, numbers));
  const ids = [undefined, ...exercisesIn(cells)];
  for (const id of ids) {
    for (const { kind, stub, exercise } of cells) {
      if (exercise === id && stub !== undefined) add(kind, stub, id);
    }
    // To run all cells should not give the hints away.
    if (id)
      add(
        'code',
        `// Stuck? Without the slashes, each run gives the next hint.\n// await hint('${id}');`,
        id,
      );
  }
  return notebookOf(made, text, source);
}

/** The notebook with the solutions, not yet executed. */
export function solutionNotebook(cells: readonly SourceCell[], text: string, source: string) {
  const numbers = new Map<string, number>();
  const made = cells.map(({ kind, solution, exercise }) =>
    cellOf(kind, solution, exercise, numbers),
  );
  return notebookOf(made, text, source);
}

/** A hash of what a reader could have changed in a notebook: the kinds and texts of its cells. */
export function hashOfCells(cells: readonly NotebookCell[]): string {
  const hash = createHash('sha256');
  for (const cell of cells) hash.update(`${cell.cell_type}\0${textOf(cell)}\0`);
  return hash.digest('hex');
}

export const textOf = ({ source }: NotebookCell) =>
  Array.isArray(source) ? source.join('') : source;

/** A notebook as the text of its file, as Jupyter itself writes it. */
export function fileText(notebook: Notebook): string {
  return `${JSON.stringify(sorted(notebook), null, 1)}\n`;
}

function notebookOf(cells: NotebookCell[], text: string, source: string): Notebook {
  const sha256 = createHash('sha256').update(text).digest('hex');
  return {
    cells,
    metadata: {
      'implicit-lab': { source, sha256, cells: hashOfCells(cells) },
      kernelspec: KERNELSPEC,
      language_info: languageInfo(),
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

function cellOf(
  kind: 'code' | 'markdown',
  text: string,
  exercise: string | undefined,
  numbers: Map<string, number>,
): NotebookCell {
  const section = exercise ?? 'start';
  const number = (numbers.get(section) ?? 0) + 1;
  numbers.set(section, number);
  return {
    cell_type: kind,
    id: `${section}-${String(number).padStart(2, '0')}`,
    metadata: exercise ? { 'implicit-lab': { exercise } } : {},
    source: linesOf(text),
    ...(kind === 'code' ? { execution_count: null, outputs: [] } : {}),
  };
}

/** Lines with their ends, as in a notebook's file. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
