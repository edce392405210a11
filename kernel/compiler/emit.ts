import ts from 'typescript';
import type { CellModule } from './cell-program';
import { type CellSource, lastExpression } from './cell-source';
import { earlierNames, type Live } from './earlier';
import { decodeMappings } from './source-map';

const f = ts.factory;

/** A cell, checked and found good, as a JavaScript module whose last value goes to the cell's object. */
export function emitCell(
  program: ts.Program,
  file: ts.SourceFile,
  cell: CellSource,
  live: ReadonlyMap<string, Live>,
): CellModule {
  let code = '';
  let mappings = '';
  program.emit(
    file,
    (path, text) => {
      if (path.endsWith('.map')) mappings = JSON.parse(text).mappings;
      else code = text;
    },
    undefined,
    false,
    { before: [(context) => (given) => ownPart(given, cell, context)] },
  );
  return moduleOf(code, mappings, cell, live);
}

/** The same by its text alone, for a cell whose form no type decides: one that imports nothing. */
export function transpileCell(
  text: string,
  options: ts.CompilerOptions,
  cell: CellSource,
  live: ReadonlyMap<string, Live>,
): CellModule {
  const { outputText, sourceMapText } = ts.transpileModule(text, {
    fileName: 'cell.ts',
    compilerOptions: options,
    transformers: { before: [(context) => (given) => ownPart(given, cell, context)] },
  });
  return moduleOf(outputText, JSON.parse(sourceMapText!).mappings, cell, live);
}

function moduleOf(
  output: string,
  mappings: string,
  cell: CellSource,
  live: ReadonlyMap<string, Live>,
): CellModule {
  const code = output.replace(/\/\/# sourceMappingURL=.*\s*$/, '');
  const map = decodeMappings(mappings);
  if (cell.shift > 0 && map.length > 0) {
    for (const segments of map) {
      for (const segment of segments) {
        if (segment[1] === 0) segment[2] = Math.max(0, segment[2] - cell.shift);
      }
    }
  }
  const earlier = earlierNames(cell, live).filter(([, { value }]) => value);
  const ambient = [...cell.declared].filter(([, { ambient }]) => ambient);
  return {
    code,
    map,
    earlier: earlier.map(([name]) => name),
    ambient: new Set(ambient.map(([name]) => name)),
  };
}

/** The cell without the names of earlier cells behind it, which boxes bring when it runs. */
function ownPart(
  file: ts.SourceFile,
  cell: CellSource,
  context: ts.TransformationContext,
): ts.SourceFile {
  const end = cell.text.length;
  const last = lastExpression(file, end);
  const statements = file.statements.flatMap((statement) => {
    if (statement.getStart(file) >= end)
      return ts.isExportDeclaration(statement) ? [statement] : [];
    const result = statement === last ? [shown(last)] : [statement];
    return cell.imports ? result.map((one) => withOwnImports(one, context)) : result;
  });
  return f.updateSourceFile(file, statements);
}

function shown(statement: ts.ExpressionStatement): ts.Statement {
  const call = f.createCallExpression(ofCell('result'), undefined, [statement.expression]);
  return ts.setTextRange(f.createExpressionStatement(call), statement);
}

function ofCell(method: string): ts.Expression {
  return f.createPropertyAccessExpression(f.createIdentifier('__implicit_cell__'), method);
}

/**
 * `import(x)` as `__implicit_cell__.import(x)` and `import.meta` as `__implicit_cell__.meta`: a cell runs as a
 * function, and the kernel knows where it belongs.
 */
function withOwnImports<N extends ts.Node>(node: N, context: ts.TransformationContext): N {
  const visit = (inner: ts.Node): ts.Node => {
    if (ts.isMetaProperty(inner) && inner.keywordToken === ts.SyntaxKind.ImportKeyword) {
      return ts.setTextRange(ofCell('meta'), inner);
    }
    const visited = ts.visitEachChild(inner, visit, context);
    if (!ts.isCallExpression(visited)) return visited;
    if (visited.expression.kind !== ts.SyntaxKind.ImportKeyword) return visited;
    const call = f.createCallExpression(ofCell('import'), undefined, visited.arguments);
    return ts.setTextRange(call, inner);
  };
  return visit(node) as N;
}
