import { keepBy, stored } from '../platform/browser/storage';

const DATABASE = 'implicit-lab';
const STORE = 'journal';

/** What was added to something that is kept, in the order in which it was added. */
interface Addition {
  name: string;
  text: string;
}

let database: IDBDatabase | undefined;
/** Why nothing is kept any more. */
let failure: Error | undefined;
/** Writing that has begun. A journal is read again after it. */
let writing: Promise<unknown> = Promise.resolve();

/**
 * Reads what earlier visits have kept, and keeps what will be added.
 *
 * A worker has no localStorage. Each entry is a separate record in the database, so that tabs which
 * run side by side do not lose each other's. Where the browser keeps nothing, the journal lasts as long
 * as the page, and each entry is marked so.
 */
export async function keepJournal(): Promise<void> {
  keepBy({
    append: (name, text) => write((store) => store.add({ name, text })),
    rename: (name, other) => write((store) => renameAll(store, name, other)),
  });
  try {
    database = await openDatabase();
    failure = undefined;
    await rereadJournal();
  } catch (error) {
    failure = new Error(`this browser keeps nothing (${(error as Error).message})`);
  }
}

/** Reads what other tabs have added meanwhile. */
export async function rereadJournal(): Promise<void> {
  if (!database || failure) return;
  await writing;
  const all: Addition[] = await settled(
    database.transaction(STORE).objectStore(STORE).getAll() as IDBRequest<Addition[]>,
  );
  stored.clear();
  for (const { name, text } of all) stored.set(name, (stored.get(name) ?? '') + text);
}

function write(change: (store: IDBObjectStore) => void): void {
  if (failure || !database) throw failure ?? new Error('the journal has not been opened');
  const transaction = database.transaction(STORE, 'readwrite');
  change(transaction.objectStore(STORE));
  const done = new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve();
    // The entry has been taken, and its check is over: what came of it is told by itself.
    transaction.onabort = () => {
      failure = new Error(`the browser refused to keep more (${transaction.error?.name})`);
      console.warn(
        `Your progress could not be saved: ${failure.message}. It lasts until you close this page; make room in the browser and reload.`,
      );
      resolve();
    };
  });
  writing = Promise.all([writing, done]);
}

function renameAll(store: IDBObjectStore, name: string, other: string): void {
  const walk = store.openCursor();
  walk.onsuccess = () => {
    const cursor = walk.result;
    if (!cursor) return;
    const addition = cursor.value as Addition;
    if (addition.name === name) cursor.update({ ...addition, name: other });
    cursor.continue();
  };
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true });
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
