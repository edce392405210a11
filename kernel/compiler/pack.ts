import ts from 'typescript';
import type { Pack } from './declarations';
import type { Files, Surroundings } from './files';
import { compilerOptions } from './options';
import { isPackaged, Sources } from './sources';

/** Makes the declarations of the package in `root` from its source `types` and what that imports. */
export function pack(root: string, types: string, surroundings: Surroundings): Pack {
  const { files } = surroundings;
  const program = ts.createProgram([`${root}/${types}`], {
    ...compilerOptions({ ...surroundings, directory: root }, new Sources(files)),
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    declaration: true,
    emitDeclarationOnly: true,
    sourceMap: false,
  });
  return declarationsOf(program, root, files);
}

function declarationsOf(program: ts.Program, root: string, files: Files): Pack {
  const stamps: Record<string, number> = {};
  const declarations: Record<string, string> = {};
  for (const file of program.getSourceFiles()) {
    const own = file.fileName.startsWith(`${root}/`) && !isPackaged(file.fileName);
    const stamp = files.stamp(file.fileName);
    if (!own || stamp === undefined) continue;
    const path = file.fileName.slice(root.length + 1);
    stamps[path] = stamp;
    program.emit(file, (_name, text) => {
      declarations[path] = text;
    });
  }
  return { version: ts.version, stamps, declarations };
}
