import { host } from './host';

/** The folder in which the page puts the MNIST files. */
export const MNIST = 'mnist';

/** The file of the ionosphere data. */
export const ionosphereFile = (): string => 'data/ionosphere.csv';

/** The folder of the four MNIST files, or why there is none and what to do about it. */
export function mnistFolder(): { folder: string } | { missing: string; remedy: string } {
  const isLoaded = [...host.files.keys()].some((file) => file.startsWith(`${MNIST}/`));
  if (isLoaded) return { folder: MNIST };
  return {
    missing: 'a page that has not loaded the MNIST files',
    remedy: 'Call mnist() in the cell itself: the files are fetched before a cell that calls it.',
  };
}
