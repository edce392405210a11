import ts from 'typescript';
import type { Surroundings } from './files';
import type { Sources } from './sources';

/** What a `tsconfig.json` next to the notebook may set: how strict the check is, and `paths`. */
const FROM_CONFIG = [
  'strict',
  'noImplicitAny',
  'noImplicitOverride',
  'noImplicitReturns',
  'noImplicitThis',
  'noFallthroughCasesInSwitch',
  'noPropertyAccessFromIndexSignature',
  'noUncheckedIndexedAccess',
  'strictBindCallApply',
  'strictBuiltinIteratorReturn',
  'strictFunctionTypes',
  'strictNullChecks',
  'strictPropertyInitialization',
  'exactOptionalPropertyTypes',
  'useUnknownInCatchVariables',
  'experimentalDecorators',
  'emitDecoratorMetadata',
  'useDefineForClassFields',
  'paths',
  'pathsBasePath',
  'baseUrl',
  'customConditions',
] as const;

/**
 * The library types of what this Node.js can run, and never less than ES2023. Not the DOM, nor all of
 * `esnext`, which has Temporal: their names would pass the check, and then be missing.
 */
export function libraries(nodeMajor: number): string[] {
  const names = ['esnext.disposable', 'decorators', 'es2023'];
  if (nodeMajor >= 22) names.push('es2024', 'es2025.collection', 'es2025.iterator', 'esnext.array');
  if (nodeMajor >= 24) names.push('es2025', 'esnext.error', 'esnext.sharedmemory');
  return names.map((name) => `lib.${name}.d.ts`);
}

/** The options under which cells and the modules next to them are compiled. */
export function compilerOptions(
  { directory, nodeMajor, lib, types = [] }: Surroundings,
  sources: Sources,
): ts.CompilerOptions {
  return {
    strict: true,
    ...fromConfig(directory, sources),
    target: ts.ScriptTarget.ES2022,
    lib: [...(lib ?? libraries(nodeMajor))],
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    esModuleInterop: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    preserveConstEnums: true,
    allowJs: true,
    skipLibCheck: true,
    sourceMap: true,
    // Those of Node.js are read once something asks for them.
    types: [...types],
  };
}

function fromConfig(directory: string, sources: Sources): ts.CompilerOptions {
  const path = `${directory}/tsconfig.json`;
  const text = sources.text(path);
  if (text === undefined) return {};
  const { config = {} } = ts.parseConfigFileTextToJson(path, text);
  const host: ts.ParseConfigHost = {
    useCaseSensitiveFileNames: true,
    // The files of the project are none of a notebook's business.
    readDirectory: () => [],
    fileExists: (file) => sources.exists(file),
    readFile: (file) => sources.text(file),
  };
  const { options } = ts.parseJsonConfigFileContent(config, host, directory, undefined, path);
  const taken = FROM_CONFIG.filter((name) => options[name] !== undefined);
  return Object.fromEntries(taken.map((name) => [name, options[name]]));
}
