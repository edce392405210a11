import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { UsageError } from './course';
import { studyCells } from './study';

/**
 * `implicit-lab new NAME`: a folder with a notebook for one's own work with the library.
 *
 * @throws UsageError where there is something already, or no folder to put it in
 */
export function newStudy(path: string): number {
  const folder = resolve(path);
  const name = basename(folder);
  if (existsSync(folder)) {
    throw new UsageError(`${path} exists already, and is left as it is: choose another name.`);
  }
  if (!existsSync(dirname(folder))) {
    throw new UsageError(`There is no folder ${dirname(folder)} to make ${name} in.`);
  }
  const notebook = join(folder, `${name}.ipynb`);
  mkdirSync(folder);
  writeFileSync(notebook, `${JSON.stringify(notebookOf(studyCells(name)), null, 1)}\n`);
  console.log(
    `Open ${relative(process.cwd(), notebook)} in JupyterLab, with the kernel TypeScript.`,
  );
  if (!findsLibrary(folder)) {
    console.log(
      `Its cells will not find the packages implicit-lab and @tensorflow/tfjs from there: move ${name} ` +
        'into the checkout of the course, or install them in a folder above it.',
    );
  }
  return 0;
}

function notebookOf(cells: readonly object[]) {
  return {
    cells: cells.map((cell, i) => ({ id: `cell-${String(i).padStart(3, '0')}`, ...cell })),
    metadata: {
      kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'implicit-kernel' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

function findsLibrary(folder: string): boolean {
  const from = createRequire(join(folder, 'notebook.ts'));
  try {
    from.resolve('implicit-lab/package.json');
    from.resolve('@tensorflow/tfjs/package.json');
    return true;
  } catch {
    return false;
  }
}
