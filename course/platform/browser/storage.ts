/** What the page keeps between visits, as far as it has been read; `journal.ts` reads and writes it. */
export const stored = new Map<string, string>();

/** Writes what was added or renamed to where it outlives the page. */
export interface Keeper {
  append(name: string, text: string): void;
  rename(name: string, other: string): void;
}

let keeper: Keeper | undefined;

export const keepBy = (given: Keeper): void => {
  keeper = given;
};

/** What is kept under a name; nothing where nothing was. */
export const readStored = (name: string): string | undefined => stored.get(name);

/** Adds to what is kept. */
export function appendStored(name: string, text: string): void {
  stored.set(name, (stored.get(name) ?? '') + text);
  keeper?.append(name, text);
}

/** Keeps it under another name. */
export function renameStored(name: string, other: string): void {
  const text = stored.get(name);
  if (text === undefined) throw new Error(`nothing is kept as ${name}`);
  stored.set(other, text);
  stored.delete(name);
  keeper?.rename(name, other);
}
