import { statSync } from 'node:fs';
import { Module } from 'node:module';
import { sep } from 'node:path';
import { ROOT } from '../paths';

const KERNEL = `${ROOT}${sep}`;

/**
 * Lets an edited library be imported again: before a cell that imports, modules whose files have
 * changed leave the cache of `require`, and with them all that were loaded through them. Packages
 * are taken as fixed.
 */
export class FreshModules {
  private readonly modified = new Map<NodeModule, number>();
  /** The files of ES modules, which another loader holds. */
  private readonly imported = new Map<string, number>();

  constructor(private readonly cache: NodeJS.Dict<NodeModule>) {
    const prototype = Module.prototype as typeof Module.prototype & {
      load(this: NodeModule, file: string): void;
    };
    const { load } = prototype;
    const { modified } = this;
    prototype.load = function (this: NodeModule, file) {
      if (isOwn(file)) modified.set(this, modificationTime(file));
      load.call(this, file);
    };
  }

  /** Called with every file that is imported as an ES module. */
  note(file: string): void {
    if (isOwn(file)) this.imported.set(file, modificationTime(file));
  }

  /**
   * Makes the next `require` read what has changed.
   *
   * @returns whether an ES module has: then all of them are to be imported again.
   */
  refresh(): boolean {
    this.refreshRequired();
    const changed = [...this.imported].some(([file, time]) => modificationTime(file) !== time);
    if (changed) this.imported.clear();
    return changed;
  }

  private refreshRequired(): void {
    const stale = new Set<NodeModule>();
    for (const [module, modified] of this.modified) {
      if (modificationTime(module.filename) !== modified) stale.add(module);
    }
    if (stale.size === 0) return;
    this.addDependents(stale);
    for (const [path, module] of Object.entries(this.cache)) {
      if (module && stale.has(module)) delete this.cache[path];
    }
    for (const module of stale) this.modified.delete(module);
  }

  private addDependents(stale: Set<NodeModule>): void {
    for (let before = -1; before !== stale.size; ) {
      before = stale.size;
      for (const module of this.modified.keys()) {
        if (module.children.some((child) => stale.has(child))) stale.add(module);
      }
    }
  }
}

function isOwn(file: string): boolean {
  return !file.includes(`${sep}node_modules${sep}`) && !file.startsWith(KERNEL);
}

function modificationTime(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
