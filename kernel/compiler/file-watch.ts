import { statSync } from 'node:fs';
import type ts from 'typescript';

type Watcher = { callback: ts.FileWatcherCallback; modified: number };

/**
 * Watches the source files of the project for the compiler, but only looks when asked: types then
 * change exactly when a cell imports again, as the code does. Packages are taken as fixed.
 */
export class FileWatch {
  /** The compiler's view of the machine, whose watchers this object serves. */
  readonly system: ts.System;
  private readonly watchers = new Map<string, Set<Watcher>>();

  constructor(system: ts.System) {
    this.system = Object.assign(Object.create(system), {
      watchFile: (path: string, callback: ts.FileWatcherCallback) => this.watch(path, callback),
      watchDirectory: () => ({ close: () => {} }),
    });
  }

  /** Tells the compiler which files changed since it last read them. */
  refresh(): void {
    for (const [path, watchers] of this.watchers) {
      const modified = modificationTime(path);
      for (const watcher of watchers) {
        if (watcher.modified === modified) continue;
        const kind = modified === 0 ? 2 : watcher.modified === 0 ? 0 : 1;
        watcher.modified = modified;
        watcher.callback(path, kind);
      }
    }
  }

  private watch(path: string, callback: ts.FileWatcherCallback): ts.FileWatcher {
    if (path.includes('/node_modules/')) return { close: () => {} };
    const watcher = { callback, modified: modificationTime(path) };
    const watchers = this.watchers.get(path) ?? new Set();
    this.watchers.set(path, watchers.add(watcher));
    return {
      close: () => {
        watchers.delete(watcher);
        if (watchers.size === 0) this.watchers.delete(path);
      },
    };
  }
}

/** Milliseconds, or 0 where there is no such file. */
function modificationTime(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
