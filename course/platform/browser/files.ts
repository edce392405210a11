import { assetUrl, host } from './host';

/**
 * The content of a file that the page has loaded, or else of one that the build has made.
 *
 * The latter is asked for without returning to the event loop, which a worker may do.
 */
export function readBytes(file: string): Uint8Array {
  const loaded = host.files.get(file);
  if (loaded) return loaded;
  const request = new XMLHttpRequest();
  request.open('GET', assetUrl(file), false);
  request.responseType = 'arraybuffer';
  request.send();
  if (request.status !== 200) throw new Error(`the page has no file ${file}`);
  return new Uint8Array(request.response);
}

/** The content of a file of text in UTF-8. */
export const readText = (file: string): string => new TextDecoder().decode(readBytes(file));

/** The names in a folder of what the page has loaded. */
export function namesIn(folder: string): string[] {
  const start = `${folder}/`;
  return [...host.files.keys()]
    .filter((file) => file.startsWith(start))
    .map((file) => file.slice(start.length));
}

/** A path from its parts. */
export const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join('/');

/** The last part of a path. */
export const lastName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);
