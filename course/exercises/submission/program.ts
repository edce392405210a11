import ts from 'typescript';

/** The cells of a notebook as one program. */
export interface Program {
  /** The body of an `async function (require, failed)`; `failed(cell, error)` learns of cells that threw. */
  code: string;
  /** Cells that cannot be parsed, and why; they are left out. */
  broken: { cell: number; message: string }[];
}

/** A statement that binds a name, so that a later cell may bind it again. */
interface Binding {
  name: string;
  text: string;
}

/**
 * Turns cells of TypeScript into the body of an async function.
 *
 * As in a notebook, a later cell may declare a name again, and a cell that throws does not keep the
 * later ones from running. The types are not checked.
 */
export function programOf(cells: readonly string[]): Program {
  const broken: Program['broken'] = [];
  const imports = new Map<string, Binding & { from: string }>();
  const functions = new Map<string, Binding>();
  const bodies: string[] = [];
  for (const [i, text] of cells.entries()) {
    const file = ts.createSourceFile(`cell-${i}.ts`, text, ts.ScriptTarget.Latest, true);
    const [error] = (file as typeof file & { parseDiagnostics: ts.Diagnostic[] }).parseDiagnostics;
    if (error) {
      const { line } = file.getLineAndCharacterOfPosition(error.start ?? 0);
      const message = ts.flattenDiagnosticMessageText(error.messageText, ' ');
      broken.push({ cell: i, message: `line ${line + 1}: ${message}` });
      continue;
    }
    const rest: string[] = [];
    for (const statement of file.statements) {
      for (const name of declaredNames(statement)) imports.delete(name);
      if (ts.isImportDeclaration(statement)) {
        for (const binding of importBindings(statement)) imports.set(binding.name, binding);
      } else if (ts.isFunctionDeclaration(statement) && statement.name && statement.body) {
        const { text: name } = statement.name;
        functions.set(name, { name, text: withoutExport(statement) });
      } else {
        rest.push(asVariable(statement));
      }
    }
    bodies.push(`try {\n${rest.join('\n')}\n} catch (error) { failed(${i}, error); }`);
  }
  const source = [
    ...[...imports.values()].map(({ text }) => text),
    'export {};',
    ...[...functions.values()].map(({ text }) => text),
    ...bodies,
  ].join('\n');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
    },
  });
  return { code: `const exports = {};\n${outputText}`, broken };
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  }
  const isNamed = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
  return isNamed && statement.name ? [statement.name.text] : [];
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isBindingElement(element) ? boundNames(element.name) : [],
  );
}

/** An import for each name that a statement imports, so that each can be replaced by itself. */
function importBindings(statement: ts.ImportDeclaration): (Binding & { from: string })[] {
  const from = statement.moduleSpecifier.getText();
  const clause = statement.importClause;
  if (!clause) return [{ name: from, from, text: `import ${from};` }];
  if (clause.isTypeOnly) return [];
  const bindings: (Binding & { from: string })[] = [];
  const add = (name: string, form: string) =>
    bindings.push({ name, from, text: `import ${form} from ${from};` });
  if (clause.name) add(clause.name.text, clause.name.text);
  if (clause.namedBindings && ts.isNamespaceImport(clause.namedBindings)) {
    add(clause.namedBindings.name.text, clause.namedBindings.getText());
  } else if (clause.namedBindings) {
    for (const element of clause.namedBindings.elements) {
      if (!element.isTypeOnly) add(element.name.text, `{ ${element.getText()} }`);
    }
  }
  return bindings;
}

/** `const x` becomes `var x`, `class X` becomes `var X = class X`: both may then come again. */
function asVariable(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) {
    const list = statement.declarationList.getText().replace(/^(const|let)\b/, 'var');
    return `${list};`;
  }
  if (ts.isClassDeclaration(statement) && statement.name) {
    return `var ${statement.name.text} = ${withoutExport(statement)};`;
  }
  return statement.getText();
}

const withoutExport = (node: ts.Node) => node.getText().replace(/^export\s+(default\s+)?/, '');
