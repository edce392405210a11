import type { Files } from '../../compiler/files';

/** Files that are all there from the beginning and never change, by their absolute paths. */
export function inMemory(texts: Readonly<Record<string, string>>): Files {
  const files = new Map(Object.entries(texts));
  const folders = new Map<string, { files: string[]; directories: string[] }>();
  const folder = (path: string): { files: string[]; directories: string[] } => {
    const known = folders.get(path);
    if (known) return known;
    const made = { files: [], directories: [] };
    folders.set(path, made);
    if (path !== '') folder(parentOf(path)).directories.push(nameOf(path));
    return made;
  };
  for (const path of files.keys()) folder(parentOf(path)).files.push(nameOf(path));
  const withoutSlash = (path: string): string => path.replace(/\/$/, '');
  return {
    read: (path) => files.get(path),
    stamp: (path) => (files.has(path) ? 1 : undefined),
    isDirectory: (path) => folders.has(withoutSlash(path)),
    entries: (path) => folders.get(withoutSlash(path)) ?? { files: [], directories: [] },
    realPath: (path) => path,
  };
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
