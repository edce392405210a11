import ts from 'typescript';
import type { Files } from './files';
import { mentionsNode } from './node-types';
import { Texts } from './texts';

type Source = { text: string; snapshot: ts.IScriptSnapshot; stamp: number | undefined };

/**
 * The files that the compiler has looked at, in memory. It looks at the disk again only when a cell
 * imports: types then change exactly when the code does.
 */
export class Sources {
  private readonly read = new Map<string, Source | undefined>();
  private readonly existing = new Map<string, boolean>();
  private readonly directories = new Map<string, boolean>();
  private readonly realPaths = new Map<string, string>();
  /** Whether a file takes something from the types of Node.js. */
  mentionNode = false;

  /** @param texts of an earlier session as well, which may have parsed them. */
  constructor(
    private readonly files: Files,
    private readonly texts = new Texts(),
  ) {}

  text(path: string): string | undefined {
    return this.source(path)?.text;
  }

  snapshot(path: string): ts.IScriptSnapshot | undefined {
    return this.source(path)?.snapshot;
  }

  version(path: string): string {
    return this.source(path) ? String(this.texts.version(path)) : 'missing';
  }

  exists(path: string): boolean {
    return remember(this.existing, path, () => {
      const slash = path.lastIndexOf('/');
      return this.isDirectory(path.slice(0, slash) || '/') && this.files.stamp(path) !== undefined;
    });
  }

  isDirectory(path: string): boolean {
    return remember(this.directories, path, () => this.files.isDirectory(path));
  }

  entries(path: string): ReturnType<Files['entries']> {
    return this.files.entries(path);
  }

  realPath(path: string): string {
    return remember(this.realPaths, path, () => this.files.realPath(path));
  }

  /**
   * Forgets what was not there, and what has changed. Packages are taken as fixed for as long as
   * their `package.json` is.
   *
   * @returns the paths that have changed or are gone.
   */
  refresh(): string[] {
    for (const known of [this.existing, this.directories]) {
      for (const [path, found] of known) {
        if (!found || !isPackaged(path)) known.delete(path);
      }
    }
    const changed: string[] = [];
    for (const [path, source] of this.read) {
      if (isPackaged(path) && !path.endsWith('/package.json')) continue;
      if (source?.stamp !== this.files.stamp(path)) changed.push(path);
    }
    for (const path of changed) this.forget(path);
    return changed;
  }

  private forget(changed: string): void {
    this.read.delete(changed);
    if (!isPackaged(changed)) return;
    const folder = changed.slice(0, changed.lastIndexOf('/') + 1);
    for (const known of [this.read, this.existing, this.directories, this.realPaths]) {
      for (const path of known.keys()) if (path.startsWith(folder)) known.delete(path);
    }
  }

  private source(path: string): Source | undefined {
    return remember(this.read, path, () => {
      const stamp = this.files.stamp(path);
      const found = stamp === undefined ? undefined : this.files.read(path);
      if (found === undefined) return undefined;
      const text = this.texts.note(path, found);
      if (/\.[cm]?ts$/.test(path)) this.mentionNode ||= mentionsNode(text);
      return { text, snapshot: ts.ScriptSnapshot.fromString(text), stamp };
    });
  }
}

/** Whether a file belongs to a package that was installed, and not to the reader's own project. */
export function isPackaged(path: string): boolean {
  return path.includes('/node_modules/');
}

function remember<T>(known: Map<string, T>, key: string, find: () => T): T {
  const found = known.get(key);
  if (found !== undefined || known.has(key)) return found as T;
  const value = find();
  known.set(key, value);
  return value;
}
