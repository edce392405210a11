import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { version } from 'typescript';
import { describe, expect, it } from 'vitest';
import { looseClaims } from './lesson-claims';
import { unclaimedSizes, unsupported } from './lesson-text';

const ROOT = join(__dirname, '..');
const FOLDER = join(ROOT, 'notebooks');
const LIMIT_BYTES = 1_500_000;

const CLAIM = 'application/vnd.implicit-lab.claim+json';
const MOST_LINES = 40;
/** Lessons whose text does not keep to the rules of the page yet. */
const waiting = new Set<string>([]);

interface Claim {
  sentence: string;
  holds: boolean;
  numbers: Record<string, unknown>;
}
interface Output {
  output_type: string;
  data?: Record<string, unknown>;
  metadata?: { 'implicit-lab'?: { claims: Claim[] } };
}
interface Cell {
  cell_type: 'code' | 'markdown';
  source: string | string[];
  outputs?: Output[];
  execution_count?: number | null;
}
interface Notebook {
  cells: Cell[];
  metadata: {
    kernelspec: { name: string };
    language_info?: object;
    'implicit-lab': { sha256: string };
  };
}

/** What the kernel says of its language: JupyterLab marks a notebook as changed that has anything else. */
const LANGUAGE = {
  name: 'typescript',
  version,
  mimetype: 'text/typescript',
  file_extension: '.ts',
  pygments_lexer: 'typescript',
  codemirror_mode: 'typescript',
  nbconvert_exporter: 'script',
};

const textOf = ({ source }: Cell) => (Array.isArray(source) ? source.join('') : source);
/** The code of the cells that a lesson's text makes. */
const fences = (text: string) =>
  [...text.matchAll(/^```typescript\n([\s\S]*?)\n```$/gm)].map((match) => match[1]);

/** Prose and code cells from one heading to the next; one Markdown cell may hold the end and the beginning of two. */
function sectionsOf(cells: readonly Cell[]): { prose: string; cells: Cell[] }[] {
  const sections = [{ prose: '', cells: [] as Cell[] }];
  for (const cell of cells) {
    if (cell.cell_type === 'code') sections.at(-1)!.cells.push(cell);
    else {
      const [before, ...later] = textOf(cell).split(/^(?=## )/m);
      sections.at(-1)!.prose += `${before}\n\n`;
      for (const prose of later) sections.push({ prose: `${prose}\n\n`, cells: [] });
    }
  }
  return sections;
}

/** What a page has not, in the code of a cell; the library has what lessons need of it. */
const ofNode = /\bnode:|\b(process|Buffer|__dirname|__filename)\s*[.([]|\brequire\(|child_process/;

/** The names of the sources in a folder. */
const sourcesIn = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => /^\d\d[a-z]?-.*\.md$/.test(name))
    .map((name) => name.replace(/\.md$/, ''))
    .sort((a, b) => (a.split('-')[0]! < b.split('-')[0]! ? -1 : 1));

const lessons = sourcesIn('notebooks');
const exercises = sourcesIn('exercises');

const read = (folder: string, name: string) =>
  JSON.parse(readFileSync(join(ROOT, folder, `${name}.ipynb`), 'utf8')) as Notebook;

/** Checks that a notebook was run from top to bottom, on the course's kernel, without an error. */
function expectWhole({ metadata, cells }: Notebook) {
  expect(metadata.kernelspec.name).toBe('implicit-kernel');
  const code = cells.filter(({ cell_type }) => cell_type === 'code');
  expect(code.map((cell) => cell.execution_count)).toEqual(code.map((_, i) => i + 1));
  const outputs = code.flatMap((cell) => cell.outputs ?? []);
  expect(outputs.filter(({ output_type }) => output_type === 'error')).toEqual([]);
}

describe.each(lessons)('%s', (name) => {
  const source = readFileSync(join(FOLDER, `${name}.md`), 'utf8');
  const path = join(FOLDER, `${name}.ipynb`);
  const notebook = () => read('notebooks', name);
  const code = () => notebook().cells.filter(({ cell_type }) => cell_type === 'code');

  it('is made from its text as it stands (npm run build:notebooks)', () => {
    const hash = createHash('sha256').update(source).digest('hex');
    expect(existsSync(path), 'the notebook has not been built').toBe(true);
    expect(notebook().metadata['implicit-lab'].sha256).toBe(hash);
    expect(code().map(textOf)).toEqual(fences(source));
  });

  it("runs on the course's kernel, was executed whole, and ended without an error", () => {
    expectWhole(notebook());
  });

  it('is unmodified when JupyterLab has opened it', () => {
    expect(read('notebooks', name).metadata.language_info).toEqual(LANGUAGE);
  });

  it('has in every figure a picture for plain readers, and words for all', () => {
    const bundles = code().flatMap((cell) => (cell.outputs ?? []).map(({ data }) => data ?? {}));
    const figures = bundles.filter((data) => 'application/vnd.plotly.v1+json' in data);
    expect(figures.length).toBeGreaterThan(0);
    for (const data of figures) {
      expect(Object.keys(data)).toContain('image/png');
      expect([data['text/plain']].flat().join('').length).toBeGreaterThan(20);
    }
  });

  const page = describe.skipIf(waiting.has(name));
  const number = name.slice(0, name.indexOf('-'));

  page('as a page', () => {
    const outputs = () => code().flatMap((cell) => cell.outputs ?? []);
    const claims = () =>
      outputs().flatMap(({ data = {}, metadata }) => [
        ...(CLAIM in data ? [data[CLAIM] as Claim] : []),
        ...(metadata?.['implicit-lab']?.claims ?? []),
      ]);

    it('gives no number that no cell of its section prints and no claim has', () => {
      const found = sectionsOf(notebook().cells).flatMap(({ prose, cells }) => {
        const shown = cells.flatMap((cell) => cell.outputs ?? []);
        const printed = [
          ...shown.map(({ data = {} }) => [data['text/plain'] ?? ''].flat().join('')),
          ...shown.map((output) => JSON.stringify((output as { text?: unknown }).text ?? '')),
          ...claims().map(({ numbers }) => Object.values(numbers).join(' ')),
        ];
        const written = [...cells.map(textOf), ...claims().map(({ sentence }) => sentence)];
        return unsupported(prose, { printed: printed.join('\n'), written: written.join('\n') });
      });
      expect(found).toEqual([]);
    });

    it('has at its end no “twenty times” or “a tenth” that no claim has in its sentence', () => {
      const away = source
        .split(/^## /m)
        .at(-1)!
        .replace(/```[\s\S]*?```/g, '');
      const sentences = claims().map(({ sentence }) => sentence);
      expect(unclaimedSizes(away, sentences)).toEqual([]);
    });

    it('rests its conclusions on claims, all of which hold', () => {
      expect(claims().length).toBeGreaterThanOrEqual(3);
      expect(claims().filter(({ holds }) => !holds)).toEqual([]);
    });

    it('has no claim that cannot be false, or whose numbers do not decide it', () => {
      expect(looseClaims(fences(source).join('\n'))).toEqual([]);
    });

    it('asks for a prediction, has a live control and two questions', () => {
      const text = fences(source).join('\n');
      for (const call of ['predict(', 'interact(', `check('${number}-a'`, `check('${number}-b'`]) {
        expect(text).toContain(call);
      }
    });

    it('has cells that can be read at a glance', () => {
      const long = fences(source).filter((cell) => cell!.split('\n').length > MOST_LINES);
      expect(long.map((cell) => cell!.split('\n')[0])).toEqual([]);
    });

    it('uses nothing of Node.js, so that it runs in a page', () => {
      expect(fences(source).filter((cell) => ofNode.test(cell!))).toEqual([]);
    });

    it('can be run on other seeds', () => {
      const fixed = fences(source).flatMap((cell) => cell!.match(/\b(seed: |random\()\d+/g) ?? []);
      expect(fixed).toEqual([]);
    });

    it('speaks of nothing that its reader has not seen', () => {
      expect(source).not.toMatch(/\b(the notes|the thread|(this|the) (project|course) grew)\b/i);
    });
  });

  it('is small enough to be shown everywhere', () => {
    expect(statSync(path).size).toBeLessThan(LIMIT_BYTES);
    expect(existsSync(join(FOLDER, 'pictures', `${name}.png`))).toBe(true);
  });
});

it('leaves no notebook without a text', () => {
  const orphans = readdirSync(FOLDER).filter(
    (name) => name.endsWith('.ipynb') && !lessons.includes(name.replace(/\.ipynb$/, '')),
  );
  expect(orphans).toEqual([]);
});

// Exercises and solutions are compared with their sources by course/exercises/gate.test.ts.
describe.each(exercises)('the exercises and solutions %s', (name) => {
  it('belong to a lesson, which leads to them', () => {
    expect(lessons).toContain(name);
    const lesson = readFileSync(join(FOLDER, `${name}.md`), 'utf8');
    expect(lesson).toContain(`(../exercises/${name}.ipynb)`);
  });

  it('use nothing of Node.js, so that they run in a page', () => {
    const source = readFileSync(join(ROOT, 'exercises', `${name}.md`), 'utf8');
    expect(fences(source).filter((cell) => ofNode.test(cell!))).toEqual([]);
  });

  it('are not yet run, and run whole without an error', () => {
    expect(read('exercises', name).metadata.kernelspec.name).toBe('implicit-kernel');
    const outputs = read('exercises', name).cells.flatMap((cell) => cell.outputs ?? []);
    expect(outputs).toEqual([]);
    expectWhole(read('solutions', name));
  });

  it('are unmodified when JupyterLab has opened them', () => {
    for (const folder of ['exercises', 'solutions']) {
      expect(read(folder, name).metadata.language_info).toEqual(LANGUAGE);
    }
  });

  it('are small enough to be shown everywhere', () => {
    for (const folder of ['exercises', 'solutions']) {
      expect(statSync(join(ROOT, folder, `${name}.ipynb`)).size).toBeLessThan(LIMIT_BYTES);
    }
  });
});

describe('the front page', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');

  it.each(lessons)('lists %s with its question, its minutes and its exercises', (name) => {
    const text = readFileSync(join(FOLDER, `${name}.md`), 'utf8');
    const [, number, question] = /^# (\d\d[a-z]?) · (.+)$/m.exec(text)!;
    const [, minutes] = /\*Time:\* (\d+) minutes/.exec(text)!;
    const source = join(ROOT, 'exercises', `${name}.md`);
    const ids = existsSync(source)
      ? [...readFileSync(source, 'utf8').matchAll(/^## ([a-z]+-\d\d) · /gm)].map(([, id]) => id)
      : [];
    const list = ids.length > 0 ? `[${ids.join(', ')}](../exercises/${name}.ipynb)` : '';
    expect(page.split('\n')).toContain(
      `| ${number} | [${question}](${name}.ipynb) | ${minutes} | ${list} |`,
    );
  });

  it('leads nowhere where nothing is', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link!);
    const dead = links.filter(
      (link) => !link.startsWith('http') && !existsSync(join(FOLDER, link)),
    );
    expect(dead).toEqual([]);
  });
});
