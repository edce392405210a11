import { statSync } from 'node:fs';

/**
 * Lets an edited library be imported again: before a cell that imports, modules whose files have
 * changed leave the cache of `require`, and with them all that were loaded through them. Packages
 * are taken as fixed.
 */
export class FreshModules {
  private readonly modified = new Map<string, number>();

  constructor(private readonly cache: NodeJS.Dict<NodeModule>) {}

  /** Makes the next `require` read what has changed. */
  refresh(): void {
    const modules = Object.values(this.cache).filter((module) => module && isOwn(module.filename));
    const stale = new Set<NodeModule>();
    for (const module of modules as NodeModule[]) {
      const modified = modificationTime(module.filename);
      const known = this.modified.get(module.filename);
      this.modified.set(module.filename, modified);
      if (known !== undefined && known !== modified) stale.add(module);
    }
    if (stale.size > 0) this.drop(withDependents(stale, modules as NodeModule[]));
  }

  private drop(modules: ReadonlySet<NodeModule>): void {
    for (const [path, module] of Object.entries(this.cache)) {
      if (!module || !modules.has(module)) continue;
      delete this.cache[path];
      this.modified.delete(module.filename);
    }
  }
}

function withDependents(stale: Set<NodeModule>, modules: readonly NodeModule[]): Set<NodeModule> {
  const found = new Set(stale);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const module of modules) {
      if (module.children.some((child) => found.has(child))) found.add(module);
    }
  }
  return found;
}

function isOwn(filename: string): boolean {
  return !filename.includes('/node_modules/') && !filename.includes('/kernel/');
}

function modificationTime(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
