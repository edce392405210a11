import ts from 'typescript';
import { useBoxes } from './boxes';
import { f } from './cell-calls';
import { parse } from './cell-source';
import { shareNames } from './shared-names';
import { type CellMap, composeMaps, decodeMappings } from './source-map';

/** A cell made executable. */
export interface CellProgram {
  /** The body of an `async function (require, __implicit_cell__)`. */
  code: string;
  /** From lines and columns of `code` to those of the cell. */
  map: CellMap;
}

/** A cell as an ES module in JavaScript, that exports all its names in one list. */
export interface CellModule extends CellProgram {
  /** The names of earlier cells that it uses. */
  earlier: readonly string[];
  /** Names that it declares of what is there without it. */
  ambient: ReadonlySet<string>;
}

/**
 * Turns the ES module that the compiler emits for a cell into the body of an async function.
 *
 * Every name x at the top of a cell, imports, functions and classes included, lives in a box that
 * all cells share, `__implicit_cell__.box('x').x`, so that a later cell which redefines x redefines it for
 * all. (One object with all names would do as well, but the engine turns an object with many names
 * into a slow table; boxes stay as fast as variables, to a factor of about two.) After each declaration the body calls `__implicit_cell__.made(…names)`, which tells
 * how far a cell came that failed; the value of its last expression goes to `__implicit_cell__.result(…)`.
 */
export function cellProgram({ code, map, earlier, ambient }: CellModule): CellProgram {
  const alone = earlier.length === 0 ? withoutNames(code, map) : undefined;
  if (alone) return alone;
  // What a name refers to is decided when the compiler parses, and written when it prints: each of
  // these steps needs a pass of its own.
  const steps: [ts.ModuleKind, ts.CustomTransformers][] = [
    [ts.ModuleKind.ESNext, { before: [() => (file) => shareNames(file, earlier, ambient)] }],
    [ts.ModuleKind.CommonJS, { after: [() => withoutPrologue] }],
    [ts.ModuleKind.ESNext, { before: [(context) => (file) => useBoxes(file, context)] }],
  ];
  return steps.reduce(
    (program: CellProgram, [kind, transformers]) => {
      const step = transpile(program.code, kind, transformers);
      return { code: step.code, map: composeMaps(step.map, program.map) };
    },
    { code, map },
  );
}

/** A cell that shares no name is ready, but for the `export {}` at its end that makes it a module. */
function withoutNames(code: string, map: CellMap): CellProgram | undefined {
  const file = parse(code);
  const links = file.statements.filter(
    (statement) =>
      ts.isImportDeclaration(statement) ||
      ts.isExportDeclaration(statement) ||
      ts.isExportAssignment(statement),
  );
  if (links.some((link) => link.getText(file) !== 'export {};')) return undefined;
  const body = links.length === 0 ? code : code.slice(0, links[0]!.getStart(file));
  return { code: `"use strict";\n${body}`, map: [[], ...map] };
}

function transpile(
  code: string,
  module: ts.ModuleKind,
  transformers: ts.CustomTransformers,
): CellProgram {
  const { outputText, sourceMapText } = ts.transpileModule(code, {
    fileName: 'cell.js',
    compilerOptions: { module, target: ts.ScriptTarget.ES2022, sourceMap: true },
    transformers,
  });
  return {
    code: outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, ''),
    map: decodeMappings(JSON.parse(sourceMapText!).mappings),
  };
}

/**
 * Drops what the CommonJS form puts first (`exports.__esModule`, `exports.x = void 0`): an old
 * value lives until the cell replaces it.
 */
function withoutPrologue(file: ts.SourceFile): ts.SourceFile {
  const statements = file.statements.filter((statement) => {
    const made = statement.pos < 0 && ts.isExpressionStatement(statement);
    return !(made && isPrologue(statement.expression));
  });
  return f.updateSourceFile(file, statements);
}

function isPrologue(expression: ts.Expression): boolean {
  if (ts.isCallExpression(expression)) {
    const name = expression.arguments[1];
    return name !== undefined && ts.isStringLiteral(name) && name.text === '__esModule';
  }
  let value = expression;
  while (ts.isBinaryExpression(value)) value = value.right;
  return value !== expression && ts.isVoidExpression(value);
}
