/** What a build of the site consists of. */
export interface Build {
  /** Another one for other files. */
  id: string;
  /** By path from the root of the site: a hash of the content, and 1 where `PATH.gz` has it compressed. */
  files: Readonly<Record<string, readonly [hash: string, packed: 0 | 1]>>;
}

/** The name of a build's cache. */
export const cacheOf = ({ id }: Build): string => `course-${id}`;

/** What caches of builds are called. */
export const isCourseCache = (name: string): boolean => name.startsWith('course-');

/** In each cache: the list of the files of its build. */
export const LIST = 'service-worker-files.json';

/** The file that a request is for, without what only makes its address another one. */
export function fileFor(url: URL, root: string, files: Build['files']): string | undefined {
  if (!url.href.startsWith(root)) return undefined;
  const path = decodeURIComponent(url.pathname.slice(new URL(root).pathname.length));
  const folder = path === '' || path.endsWith('/') ? path : `${path}/`;
  return [path, `${folder}index.html`].find((name) => name in files);
}

/** Files that are the same in both builds: they need not be fetched again. */
export function unchanged(before: Build['files'], now: Build['files']): string[] {
  return Object.keys(now).filter((path) => before[path]?.[0] === now[path]![0]);
}
