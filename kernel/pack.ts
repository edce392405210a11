import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Declarations, packPath } from './compiler/declarations';
import { pack } from './compiler/pack';
import { onDisk } from './node/compiler/disk';

/**
 * Makes the declarations of the package in `folder`, unless they are there and its sources have not
 * changed.
 *
 * @returns the file that they are in.
 * @throws Error if the package is not in a `node_modules` at or above the folder.
 */
export function packAt(folder: string): string {
  const root = realpathSync(folder);
  const { name, types } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  let above = root;
  while (!existsSync(join(above, 'node_modules', name))) {
    if (above === dirname(above)) throw new Error(`${name} is in no node_modules above ${root}.`);
    above = dirname(above);
  }
  const path = packPath(above, name);
  const surroundings = onDisk(root);
  const { files, directory } = surroundings;
  const isCurrent = new Declarations(files).of(`${directory}/${types}`) !== undefined;
  if (isCurrent) return path;
  const made = pack(directory, types, surroundings);
  mkdirSync(dirname(path), { recursive: true });
  // A kernel may be reading: it finds the old file or the new one, whole.
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(made));
  renameSync(`${path}.${process.pid}`, path);
  return path;
}
