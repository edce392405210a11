import { createRequire, Module } from 'node:module';
import typescript from 'typescript';
import { FileWatch } from './file-watch';
import { oneTimer } from './timers';

/**
 * Runs tslab's converter on the TypeScript of this project instead of tslab's own fork of 5.0.4.
 *
 * The fork adds a few exports to the public API and an option that misparses `await`. Here the
 * exports are rebuilt from the real compiler and the option is dropped; what the converter asks of
 * the compiler host is changed on the way (strict, newer libraries, watching on request).
 */

/** The parts of tslab's converter that the kernel calls. Positions are offsets in the cell. */
export interface Converter {
  convert(previous: string, source: string): Conversion;
  inspect(previous: string, source: string, position: number): typescript.QuickInfo | undefined;
  complete(previous: string, source: string, position: number): Completion;
  close(): void;
}

export interface Conversion {
  diagnostics: Diagnostic[];
  /** The cell as an ES module, with its source map inline. */
  output?: string;
  /** The declarations that later cells see. */
  declOutput?: string;
  /** Modules beside the notebook that the cell imports, as ES modules. */
  sideOutputs?: { path: string; data: string }[];
  lastExpressionVar?: string;
}

export interface Diagnostic {
  start: Position;
  end: Position;
  messageText: string;
  category: number;
  code: number;
  fileName?: string;
}

/** Zero-based. */
export interface Position {
  offset: number;
  line: number;
  character: number;
}

export interface Completion {
  start: number;
  end: number;
  candidates: string[];
  original?: typescript.CompletionInfo;
}

/** TypeScript with the functions that its types leave out. */
interface Internals {
  nullTransformationContext: typescript.TransformationContext;
  Completions: {
    getCompletionsAtPosition(...args: unknown[]): typescript.CompletionInfo | undefined;
  };
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(...args: unknown[]): Pick<
      typescript.QuickInfo,
      'displayParts' | 'documentation' | 'tags'
    > & {
      symbolKind: typescript.ScriptElementKind;
    };
    getSymbolModifiers(checker: typescript.TypeChecker, symbol: typescript.Symbol): string;
  };
  bindSourceFile(file: typescript.SourceFile, options: typescript.CompilerOptions): void;
  getTouchingPropertyName(file: typescript.SourceFile, position: number): typescript.Node;
}

type Compiler = typeof typescript;
type WatchHost = typescript.WatchCompilerHostOfFilesAndCompilerOptions<typescript.BuilderProgram>;

const internals = typescript as unknown as Internals;

/**
 * The library types of what this Node.js can run, and never less than ES2023. The DOM is not there,
 * but the types of many packages name it, and those of WebAssembly are a part of it.
 */
export function libraries(nodeMajor: number): string[] {
  const names = ['dom', 'esnext.disposable', 'decorators'];
  names.push('es2023');
  if (nodeMajor >= 22) names.push('es2024', 'es2025.collection', 'es2025.iterator');
  if (nodeMajor >= 24) names.push('esnext');
  return names.map((name) => `lib.${name}.d.ts`);
}

/**
 * Loads tslab's converter on top of this project's TypeScript.
 *
 * @param globals a declaration file with what the kernel itself puts into every cell's scope.
 */
export function createConverter(globals: string): { converter: Converter; files: FileWatch } {
  const files = new FileWatch(typescript.sys);
  const compiler = writableCopy(typescript);
  compiler.sys = files.system;
  Object.assign(compiler, forkedExports());
  compiler.createWatchCompilerHost = ((...given: HostParameters) =>
    watchHost(given, globals)) as unknown as Compiler['createWatchCompilerHost'];
  // The cell stays an ES module here: cell-program.ts makes it executable.
  compiler.transpileModule = ((js: string) => ({
    outputText: js,
  })) as Compiler['transpileModule'];
  return { converter: loadTslab(compiler).createConverter({}), files };
}

function writableCopy(compiler: Compiler): Compiler {
  const copy = {} as Compiler;
  for (const [name, value] of Object.entries(compiler)) {
    Object.defineProperty(copy, name, { value, writable: true, enumerable: true });
  }
  return copy;
}

function loadTslab(compiler: Compiler): { createConverter(options: object): Converter } {
  const require = createRequire(__filename);
  const converter = require.resolve('tslab/dist/converter.js');
  const fork = createRequire(converter).resolve('@tslab/typescript-for-tslab');
  const stand = new Module(fork);
  stand.filename = fork;
  stand.loaded = true;
  stand.exports = compiler;
  require.cache[fork] = stand;
  delete require.cache[converter];
  return require(converter);
}

function forkedExports(): object {
  const none = { isCancellationRequested: () => false, throwIfCancellationRequested: () => {} };
  return {
    getNullTransformationContext: () => internals.nullTransformationContext,
    getDefaultTypeRoots: (directory: string) =>
      typescript.getEffectiveTypeRoots({}, { getCurrentDirectory: () => directory }),
    getQuickInfoAtPosition,
    getPreEmitDiagnosticsOfFiles,
    Completions: {
      ...internals.Completions,
      getCompletionsAtPositionForTslab: (...args: unknown[]) =>
        internals.Completions.getCompletionsAtPosition(...args.slice(0, 8), none, undefined),
    },
  };
}

/** Checks what tslab would report, and no library: its files were checked where they are written. */
function getPreEmitDiagnosticsOfFiles(
  program: typescript.Program,
  files: readonly typescript.SourceFile[],
): typescript.Diagnostic[] {
  const own = files.filter((file) => isBesideNotebook(file, program));
  const found = own.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
    ...program.getDeclarationDiagnostics(file),
  ]);
  return [...typescript.sortAndDeduplicateDiagnostics(found)];
}

function getQuickInfoAtPosition(
  file: typescript.SourceFile,
  checker: typescript.TypeChecker,
  _cancellation: unknown,
  position: number,
): Partial<typescript.QuickInfo> | undefined {
  const node = internals.getTouchingPropertyName(file, position);
  if (node === file) return undefined;
  const textSpan = { start: node.getStart(file), length: node.getEnd() - node.getStart(file) };
  const symbol = checker.getSymbolAtLocation(node);
  if (!symbol) {
    if (!typescript.isExpression(node)) return undefined;
    const text = checker.typeToString(checker.getTypeAtLocation(node));
    return { textSpan, displayParts: [{ text, kind: 'text' }] };
  }
  const { symbolKind, displayParts, documentation, tags } =
    internals.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker,
      symbol,
      file,
      node.parent,
      node,
    );
  return {
    kind: symbolKind,
    textSpan,
    ...(displayParts && { displayParts }),
    ...(documentation && { documentation }),
    ...(tags && { tags }),
  };
}

/** What tslab's converter passes to `createWatchCompilerHost`. */
type HostParameters = [
  roots: string[],
  options: typescript.CompilerOptions,
  system: typescript.System,
  createProgram: null,
  ...reporters: typescript.DiagnosticReporter[],
];

function watchHost(
  [roots, options, system, , ...reporters]: HostParameters,
  globals: string,
): WatchHost {
  const nodeMajor = Number.parseInt(process.versions.node, 10);
  const { noImplicitUseStrict, disableTopLevelAwait, experimentalDecorators, ...kept } = options;
  const host = typescript.createWatchCompilerHost(
    [...roots, globals],
    {
      ...kept,
      strict: true,
      target: typescript.ScriptTarget.ES2022,
      lib: libraries(nodeMajor),
      module: typescript.ModuleKind.ESNext,
      moduleResolution: typescript.ModuleResolutionKind.Bundler,
      types: ['node'],
      inlineSourceMap: true,
    },
    system,
    createLightBuilder,
    ...reporters,
  ) as WatchHost;
  return withValueShorthands(Object.assign(host, oneTimer(system)));
}

/**
 * A builder that keeps no state of its own. The usual one looks into every file of every package
 * after every change, for what the converter needs only of the files beside the notebook.
 */
const createLightBuilder: typescript.CreateProgram<typescript.BuilderProgram> = (...given) => {
  const builder = typescript.createAbstractBuilder(...given);
  const program = builder.getProgram();
  const own = program.getSourceFiles().filter((file) => isBesideNotebook(file, program));
  // The converter reads the names of a cell off its file right away.
  for (const file of own) internals.bindSourceFile(file, program.getCompilerOptions());
  builder.getAllDependencies = () => own.map(({ fileName }) => fileName);
  return builder;
};

function isBesideNotebook(
  { fileName }: typescript.SourceFile,
  program: typescript.Program,
): boolean {
  return (
    fileName.startsWith(`${program.getCurrentDirectory()}/`) && !fileName.includes('/node_modules/')
  );
}

/**
 * Writes `{ x }` as `{ x: exports.x }` where x comes from an earlier cell, and quotes the names of
 * properties in patterns: tslab's transformer overlooks the one and mistakes the other.
 */
function withValueShorthands(host: WatchHost): WatchHost {
  let receive: WatchHost['afterProgramCreate'];
  Object.defineProperty(host, 'afterProgramCreate', {
    get: () => receive,
    set: (inner: NonNullable<WatchHost['afterProgramCreate']>) => {
      receive = (builder) => {
        const emit = builder.emit.bind(builder);
        builder.emit = (file, write, cancel, declarationsOnly, transformers = {}) => {
          const before = [shorthands(builder.getProgram()), ...(transformers.before ?? [])];
          return emit(file, write, cancel, declarationsOnly, { ...transformers, before });
        };
        inner(builder);
      };
    },
  });
  return host;
}

function shorthands(
  program: typescript.Program,
): typescript.TransformerFactory<typescript.SourceFile> {
  const checker = program.getTypeChecker();
  const { factory } = typescript;
  return (context) => {
    const visit = (node: typescript.Node): typescript.Node => {
      if (typescript.isBindingElement(node)) return quoted(node);
      if (!typescript.isShorthandPropertyAssignment(node) || !isFromEarlierCell(node)) {
        return typescript.visitEachChild(node, visit, context);
      }
      const value = factory.createPropertyAccessExpression(
        factory.createIdentifier('exports'),
        node.name.text,
      );
      const initializer = node.objectAssignmentInitializer
        ? factory.createAssignment(
            value,
            typescript.visitNode(node.objectAssignmentInitializer, visit) as typescript.Expression,
          )
        : value;
      return factory.createPropertyAssignment(node.name.text, initializer);
    };
    /** `{ a: b }` as `{ 'a': b }`: the transformer would take the a of an earlier cell's type for a name. */
    const quoted = (node: typescript.BindingElement): typescript.Node => {
      const { dotDotDotToken, propertyName, name, initializer } = node;
      const isPlain = propertyName && typescript.isIdentifier(propertyName);
      const safe = isPlain ? factory.createStringLiteral(propertyName.text) : propertyName;
      const updated = factory.updateBindingElement(node, dotDotDotToken, safe, name, initializer);
      return typescript.visitEachChild(updated, visit, context);
    };
    return (file) => typescript.visitEachChild(file, visit, context);
  };

  function isFromEarlierCell(node: typescript.ShorthandPropertyAssignment): boolean {
    const symbol = checker.getShorthandAssignmentValueSymbol(node);
    return Boolean(
      symbol?.declarations?.some((declaration) =>
        declaration.getSourceFile().fileName.endsWith('/__prev__.d.ts'),
      ),
    );
  }
}
