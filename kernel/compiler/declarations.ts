import ts from 'typescript';
import type { Files } from './files';
import { mentionsNode } from './node-types';
import { isPackaged } from './sources';
import { Texts } from './texts';

/** The declarations of a package that is developed next to the notebooks, made beforehand. */
export interface Pack {
  /** Of TypeScript. */
  version: string;
  /** When each source was written, by its path from the package's folder. */
  stamps: Record<string, number>;
  /** By the path of the source. */
  declarations: Record<string, string>;
}

type Loaded = Pack & { root: string };

/** Where the pack of the package `name` is, for a package at or below `folder`. */
export function packPath(folder: string, name: string): string {
  return `${folder}/node_modules/.cache/implicit-kernel/${name}.json`;
}

/**
 * Reads a package's declarations in place of its sources, which takes a third of the time and
 * half the memory. Once one of the sources has changed, they are read themselves.
 */
export class Declarations {
  private readonly roots = new Map<string, Loaded | undefined>();
  /** Whether one of them takes something from the types of Node.js. */
  mentionNode = false;
  private readonly snapshots = new Map<string, ts.IScriptSnapshot>();

  constructor(
    private readonly files: Files,
    private readonly texts = new Texts(),
  ) {}

  /** The file that declares what the source at `path` exports, if there is one. */
  of(path: string): string | undefined {
    if (isPackaged(path) || !/\.ts$/.test(path) || path.endsWith('.d.ts')) return undefined;
    const pack = this.packOf(path);
    const text = pack?.declarations[path.slice(pack.root.length + 1)];
    if (text === undefined) return undefined;
    const declaration = path.replace(/\.ts$/, '.d.ts');
    if (!this.snapshots.has(declaration)) {
      this.mentionNode ||= mentionsNode(text);
      const noted = this.texts.note(declaration, text);
      this.snapshots.set(declaration, ts.ScriptSnapshot.fromString(noted));
    }
    return declaration;
  }

  snapshot(path: string): ts.IScriptSnapshot | undefined {
    return this.snapshots.get(path);
  }

  version(path: string): string | undefined {
    return this.snapshots.has(path) ? String(this.texts.version(path)) : undefined;
  }

  /** @returns whether declarations have become outdated. */
  refresh(): boolean {
    // Many folders share a pack.
    const packs = [...new Set(this.roots.values())];
    const outdated = new Set(packs.filter((pack) => pack && !this.isCurrent(pack)));
    for (const [folder, pack] of this.roots) {
      if (outdated.has(pack)) this.roots.set(folder, undefined);
    }
    if (outdated.size > 0) this.snapshots.clear();
    return outdated.size > 0;
  }

  private packOf(path: string): Loaded | undefined {
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (this.roots.has(folder)) return this.roots.get(folder);
    const found = this.load(folder);
    this.roots.set(folder, found);
    return found;
  }

  private load(folder: string): Loaded | undefined {
    let root = folder;
    while (this.files.stamp(`${root}/package.json`) === undefined) {
      if (root === '') return undefined;
      root = root.slice(0, root.lastIndexOf('/'));
    }
    const known = [...this.roots.values()].find((pack) => pack?.root === root);
    if (known) return known;
    const { name } = parse(this.files.read(`${root}/package.json`)) ?? {};
    if (typeof name !== 'string') return undefined;
    for (let above = root; above !== ''; above = above.slice(0, above.lastIndexOf('/'))) {
      const pack = parse(this.files.read(packPath(above, name))) as Pack | undefined;
      if (!pack) continue;
      const loaded = { ...pack, root };
      return pack.version === ts.version && this.isCurrent(loaded) ? loaded : undefined;
    }
    return undefined;
  }

  private isCurrent({ root, stamps }: Loaded): boolean {
    return Object.entries(stamps).every(
      ([path, stamp]) => this.files.stamp(`${root}/${path}`) === stamp,
    );
  }
}

function parse(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
