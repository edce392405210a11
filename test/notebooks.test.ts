import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = join(__dirname, '..', 'notebooks');
const LIMIT_BYTES = 1_500_000;

interface Output {
  output_type: string;
  data?: Record<string, unknown>;
}
interface Cell {
  cell_type: 'code' | 'markdown';
  source: string | string[];
  outputs?: Output[];
  execution_count?: number | null;
}
interface Notebook {
  cells: Cell[];
  metadata: { kernelspec: { name: string }; 'implicit-lab': { sha256: string } };
}

const textOf = ({ source }: Cell) => (Array.isArray(source) ? source.join('') : source);
/** The code of the cells that a lesson's text makes. */
const fences = (text: string) =>
  [...text.matchAll(/^```typescript\n([\s\S]*?)\n```$/gm)].map((match) => match[1]);

const lessons = readdirSync(FOLDER)
  .filter((name) => /^\d\d-.*\.md$/.test(name))
  .map((name) => name.replace(/\.md$/, ''));

describe.each(lessons)('%s', (name) => {
  const source = readFileSync(join(FOLDER, `${name}.md`), 'utf8');
  const path = join(FOLDER, `${name}.ipynb`);
  const notebook = () => JSON.parse(readFileSync(path, 'utf8')) as Notebook;
  const code = () => notebook().cells.filter(({ cell_type }) => cell_type === 'code');

  it('is made from its text as it stands (npm run build:notebooks)', () => {
    const hash = createHash('sha256').update(source).digest('hex');
    expect(existsSync(path), 'the notebook has not been built').toBe(true);
    expect(notebook().metadata['implicit-lab'].sha256).toBe(hash);
    expect(code().map(textOf)).toEqual(fences(source));
  });

  it("runs on the course's kernel, was executed whole, and ended without an error", () => {
    expect(notebook().metadata.kernelspec.name).toBe('implicit-kernel');
    expect(code().map((cell) => cell.execution_count)).toEqual(code().map((_, i) => i + 1));
    const outputs = code().flatMap((cell) => cell.outputs ?? []);
    expect(outputs.filter(({ output_type }) => output_type === 'error')).toEqual([]);
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
