import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '..');

const notebooks = ['notebooks', 'exercises', 'solutions'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => join(folder, name)),
);

/** What JupyterLab runs as it is, or could be made to run. */
const SCRIPTS = /<script|<iframe|<object|<embed|javascript:|\son[a-z]+\s*=/i;

describe.each(notebooks)('%s', (path) => {
  const { cells, metadata } = JSON.parse(readFileSync(join(root, path), 'utf8'));
  const bundles: Record<string, string | string[]>[] = cells.flatMap(
    ({ outputs = [] }: { outputs?: { data?: object }[] }) => outputs.map(({ data }) => data ?? {}),
  );

  it('holds no output that runs a script, so that a reader who does not trust it sees the same', () => {
    for (const bundle of bundles) {
      expect(Object.keys(bundle)).not.toContain('application/javascript');
      expect([bundle['text/html'] ?? ''].flat().join('')).not.toMatch(SCRIPTS);
    }
  });

  it('keeps no state of widgets, which could bring code along', () => {
    expect(metadata.widgets).toBeUndefined();
  });
});
