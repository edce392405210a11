import { host } from './host';

/** The course is at the root of what the page has loaded. */
export const courseFolder = (): string => '';

/** The names of the modules in a folder of `course/exercises`. */
export const moduleNames = (folder: string): string[] =>
  Object.keys(host.modules)
    .filter((path) => path.startsWith(`${folder}/`))
    .map((path) => path.slice(folder.length + 1));

/** Loads a module of `course/exercises` when it is needed. */
export async function loadModule<M>(name: string): Promise<M> {
  const load = host.modules[name];
  if (!load) throw new Error(`${name} comes with the course's own page only`);
  return (await load()) as M;
}
