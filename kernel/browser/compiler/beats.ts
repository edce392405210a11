import ts from 'typescript';
import { LINES_BEFORE_CODE } from '../../compiler/session';
import { composeMaps, decodeMappings, encodeMappings } from '../../compiler/source-map';

type Code = { code: string; mappings: string };

/** The function around a cell; traces name it where the cell itself is meant. */
const MAIN = '__main__';

/**
 * One more pass over a compiled cell, for a page, which cannot end what runs there from outside:
 *
 * - at the head of each loop stands a beat, `__beat()`, from which an interrupt is thrown;
 * - async functions become generators (ES2016), so that each of them goes on by
 *   `Promise.prototype.then`, where the cell is followed.
 */
export function withBeats({ code, mappings }: Code): Code {
  const { outputText, sourceMapText } = ts.transpileModule(
    `async function ${MAIN}(require, __cell__) {\n${code}\n}`,
    {
      fileName: 'cell.js',
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2016,
        sourceMap: true,
        allowJs: true,
        useDefineForClassFields: true,
      },
      transformers: { before: [beats] },
    },
  );
  // The line of `async function` has no source.
  const first = [[], ...decodeMappings(mappings).slice(LINES_BEFORE_CODE)];
  const map = composeMaps(decodeMappings(JSON.parse(sourceMapText!).mappings), first);
  return {
    code: `${outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, '')}\nreturn ${MAIN}(require, __cell__);`,
    mappings: encodeMappings(map, LINES_BEFORE_CODE),
  };
}

const beats: ts.TransformerFactory<ts.SourceFile> = (context) => {
  const { factory } = context;
  const withBeat = (body: ts.Statement): ts.Statement => {
    const beat = factory.createExpressionStatement(
      factory.createCallExpression(factory.createIdentifier('__beat'), undefined, []),
    );
    return factory.createBlock([beat, ...(ts.isBlock(body) ? body.statements : [body])]);
  };
  const visit = (node: ts.Node): ts.Node => {
    const visited = ts.visitEachChild(node, visit, context);
    if (ts.isWhileStatement(visited)) {
      return factory.updateWhileStatement(visited, visited.expression, withBeat(visited.statement));
    }
    if (ts.isDoStatement(visited)) {
      return factory.updateDoStatement(visited, withBeat(visited.statement), visited.expression);
    }
    if (ts.isForStatement(visited)) {
      const { initializer, condition, incrementor, statement } = visited;
      return factory.updateForStatement(
        visited,
        initializer,
        condition,
        incrementor,
        withBeat(statement),
      );
    }
    if (ts.isForOfStatement(visited)) {
      const { awaitModifier, initializer, expression, statement } = visited;
      return factory.updateForOfStatement(
        visited,
        awaitModifier,
        initializer,
        expression,
        withBeat(statement),
      );
    }
    if (ts.isForInStatement(visited)) {
      const { initializer, expression, statement } = visited;
      return factory.updateForInStatement(visited, initializer, expression, withBeat(statement));
    }
    return visited;
  };
  return (file) => ts.visitEachChild(file, visit, context);
};
