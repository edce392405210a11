import ts from 'typescript';
import type { Declarations } from './declarations';
import type { Surroundings } from './files';
import { isPackaged, type Sources } from './sources';

type Resolved = ts.ResolvedModuleWithFailedLookupLocations;

/** What the kernel brings along, wherever it runs. */
const OWN_PACKAGES = /^(?:implicit-kernel|tslab)(?:\/|$)/;

/** Finds the files behind the names of modules, and remembers them. */
export class Resolution {
  private readonly known = new Map<string, Resolved>();
  private cache: ts.ModuleResolutionCache | undefined;
  private readonly host: ts.ModuleResolutionHost;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly sources: Sources,
    private readonly declarations: Declarations,
  ) {
    this.host = {
      fileExists: (path) => sources.exists(path),
      readFile: (path) => sources.text(path),
      directoryExists: (path) => sources.isDirectory(path),
      realpath: (path) => sources.realPath(path),
      getDirectories: (path) => sources.entries(path).directories,
      getCurrentDirectory: () => surroundings.directory,
      useCaseSensitiveFileNames: true,
    };
  }

  module(
    name: string,
    from: string,
    mode: ts.ResolutionMode,
    options: ts.CompilerOptions,
  ): Resolved {
    const directory = from.slice(0, from.lastIndexOf('/'));
    const key = `${directory}\n${name}\n${mode ?? ''}`;
    const known = this.known.get(key);
    if (known) return known;
    const resolved = this.declared(this.resolve(name, from, mode, options));
    this.known.set(key, resolved);
    return resolved;
  }

  /** What is known of packages, which the compiler asks for as well. */
  packages(options: ts.CompilerOptions): ts.ModuleResolutionCache {
    this.cache ??= ts.createModuleResolutionCache(
      this.surroundings.directory,
      (path) => path,
      options,
    );
    return this.cache;
  }

  typeReference(
    name: string,
    from: string | undefined,
    options: ts.CompilerOptions,
  ): ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations {
    const found = ts.resolveTypeReferenceDirective(name, from, options, this.host);
    const file = found.resolvedTypeReferenceDirective?.resolvedFileName;
    if (file !== undefined && !(name === 'node' && this.isOfOldBuffers(file))) return found;
    const kernel = `${this.surroundings.kernel}/index.ts`;
    // Without roots, those of the notebook's folder do not come first again.
    const anywhere = { ...options, typeRoots: [] };
    return ts.resolveTypeReferenceDirective(name, kernel, anywhere, this.host);
  }

  /**
   * Types of Node.js from before arrays of bytes knew their buffer: under a compiler of today, their
   * `Buffer` is not a `Uint8Array`. The kernel's own then take their place.
   */
  private isOfOldBuffers(file: string): boolean {
    return !this.sources.exists(`${file.slice(0, file.lastIndexOf('/'))}/buffer.buffer.d.ts`);
  }

  /** Where the names that `directory` imports lead, outside packages. */
  ownModules(directory: string): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [key, { resolvedModule }] of this.known) {
      const [from, name = ''] = key.split('\n');
      const file = resolvedModule?.resolvedFileName;
      if (from !== directory || !file || isPackaged(file) || file.endsWith('.d.ts')) continue;
      if (!/^[./]/.test(name)) found[name] = file;
    }
    return found;
  }

  /**
   * Looks again for what was not found, had no types, or led to a file that is gone.
   *
   * @returns the directories from which names now lead elsewhere; all of them where that is unknown.
   */
  refresh(changed: readonly string[], options: ts.CompilerOptions): ReadonlySet<string> | 'all' {
    this.cache = undefined;
    const outdated = this.declarations.refresh();
    if (
      outdated ||
      changed.some((path) => path.endsWith('/package.json') || path.endsWith('/tsconfig.json'))
    ) {
      this.known.clear();
      return 'all';
    }
    const elsewhere = new Set<string>();
    for (const [key, before] of [...this.known]) {
      const [directory = '', name = '', mode] = key.split('\n');
      if (isPackaged(`${directory}/`) || this.isGood(before)) continue;
      this.known.delete(key);
      const now = this.module(
        name,
        `${directory}/_.ts`,
        mode === '' ? undefined : Number(mode),
        options,
      );
      if (fileOf(now) !== fileOf(before)) elsewhere.add(directory);
    }
    return elsewhere;
  }

  private isGood({ resolvedModule: found }: Resolved): boolean {
    if (found === undefined || isUntyped(found)) return false;
    const path = found.resolvedFileName;
    return this.declarations.snapshot(path) !== undefined || this.sources.exists(path);
  }

  /** With declarations that were made beforehand in place of sources. */
  private declared(found: Resolved): Resolved {
    const { resolvedModule } = found;
    const declaration = resolvedModule && this.declarations.of(resolvedModule.resolvedFileName);
    if (!declaration) return found;
    return {
      resolvedModule: {
        ...resolvedModule,
        resolvedFileName: declaration,
        extension: ts.Extension.Dts,
      },
    };
  }

  private resolve(
    name: string,
    from: string,
    mode: ts.ResolutionMode,
    options: ts.CompilerOptions,
  ): Resolved {
    const { kernel } = this.surroundings;
    const cache = this.packages(options);
    const find = (file: string): Resolved =>
      ts.resolveModuleName(name, file, options, this.host, cache, undefined, mode);
    const found = find(from);
    if (found.resolvedModule || !OWN_PACKAGES.test(name)) return found;
    if (name === 'implicit-kernel') return inKernel(`${kernel}/index.ts`);
    return find(`${kernel}/index.ts`);
  }
}

function fileOf({ resolvedModule }: Resolved): string | undefined {
  return resolvedModule?.resolvedFileName;
}

function inKernel(resolvedFileName: string): Resolved {
  return {
    resolvedModule: {
      resolvedFileName,
      extension: ts.Extension.Ts,
      isExternalLibraryImport: true,
    },
  };
}

/** A module of JavaScript, where types may be installed later. */
export function isUntyped({ extension }: ts.ResolvedModuleFull): boolean {
  return JAVASCRIPT.has(extension);
}

const JAVASCRIPT = new Set<string>([ts.Extension.Js, ts.Extension.Mjs, ts.Extension.Cjs]);
