import ts from 'typescript';
import { expect, test } from 'vitest';
import { Declarations, packPath } from './declarations';
import type { Files } from './files';

/** Files in memory, each with the time it was written. */
function inMemory(contents: Record<string, [text: string, stamp: number]>): Files {
  return {
    read: (path) => contents[path]?.[0],
    stamp: (path) => contents[path]?.[1],
    isDirectory: (path) => Object.keys(contents).some((file) => file.startsWith(`${path}/`)),
    entries: () => ({ files: [], directories: [] }),
    realPath: (path) => path,
  };
}

function library(version: string): Record<string, [string, number]> {
  const pack = {
    version,
    stamps: { 'index.ts': 1, 'deep/inner.ts': 2 },
    declarations: { 'index.ts': 'export declare const one: 1;' },
  };
  return {
    '/repo/lib/package.json': ['{ "name": "library" }', 1],
    '/repo/lib/index.ts': ['export const one = 1 as const', 1],
    '/repo/lib/deep/inner.ts': ['', 2],
    [packPath('/repo', 'library')]: [JSON.stringify(pack), 3],
  };
}

test('sources are read by their declarations until one of them changes', () => {
  const contents = library(ts.version);
  const declarations = new Declarations(inMemory(contents));
  expect(declarations.of('/repo/lib/index.ts')).toBe('/repo/lib/index.d.ts');
  const snapshot = declarations.snapshot('/repo/lib/index.d.ts')!;
  expect(snapshot.getText(0, snapshot.getLength())).toBe('export declare const one: 1;');
  expect(declarations.of('/repo/lib/deep/inner.ts')).toBeUndefined();
  expect(declarations.refresh()).toBe(false);
  contents['/repo/lib/deep/inner.ts'] = ['export const edited = 1', 4];
  expect(declarations.refresh()).toBe(true);
  expect(declarations.of('/repo/lib/index.ts')).toBeUndefined();
  expect(declarations.snapshot('/repo/lib/index.d.ts')).toBeUndefined();
});

test('what another compiler has made, or what is outdated at the start, is left alone', () => {
  expect(new Declarations(inMemory(library('1.0.0'))).of('/repo/lib/index.ts')).toBeUndefined();
  const contents = library(ts.version);
  contents['/repo/lib/index.ts'] = ['edited', 9];
  expect(new Declarations(inMemory(contents)).of('/repo/lib/index.ts')).toBeUndefined();
  expect(new Declarations(inMemory({})).of('/elsewhere/index.ts')).toBeUndefined();
});

test('each source is looked at once, however many folders there are', () => {
  const contents = library(ts.version);
  const files = inMemory(contents);
  const asked: string[] = [];
  const declarations = new Declarations({
    ...files,
    stamp: (path) => {
      asked.push(path);
      return files.stamp(path);
    },
  });
  declarations.of('/repo/lib/index.ts');
  declarations.of('/repo/lib/deep/inner.ts');
  asked.length = 0;
  declarations.refresh();
  expect(asked).toEqual(['/repo/lib/index.ts', '/repo/lib/deep/inner.ts']);
});
