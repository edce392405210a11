/** What those who test attacks on `check --sandbox` share. */

import type { Group } from './class-testing';

/** An answer to an exercise that means harm, and what has to come of it. */
export interface Attack {
  /** The body of the answer. */
  code: string;
  /** The status that its verdict may have; never `right`. */
  status: string | string[];
  /** What the verdict's explanation has to be like. */
  told?: RegExp;
}

/** Whether an attack ends by itself, or may have to be ended. */
export const groupOf = ({ status }: Attack): Group =>
  [status].flat().includes('timeout') ? 'endless' : 'ending';

/** What each of some attempts came to, thrown so that the verdict tells it. */
export const report = (...attempts: string[]) => `
  const tell = (attempt: () => unknown) => {
    try { return String(attempt()).slice(0, 40) || 'nothing'; } catch (error) { return (error as { code?: string }).code ?? String(error); }
  };
  const fs = await import('node:fs');
  throw new Error([${attempts.map((attempt) => `tell(() => ${attempt})`).join(', ')}].join(' '));`;

/** Loads the system's library of C, by which an answer calls the kernel itself. */
export const LIBC = "const libc = (await import('koffi')).default.load('libc.so.6');";

export const read = (path: string) => `fs.readFileSync(${JSON.stringify(path)}, 'utf8')`;
export const write = (path: string) => `fs.writeFileSync(${JSON.stringify(path)}, 'x')`;

/** The function of the exercise is made asynchronous, so that attacks may import. */
export const asynchronous = (text: string) =>
  text
    .replace(/function inverseRoot/g, 'async function inverseRoot')
    .replace(/\): Float64Array \{/, ') {');

/** The first of some attacks, and every fourteenth after it: each takes four seconds of processor time or more. */
export const everyFourteenth = <T>(attacks: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(attacks).filter((_, index) => index % 14 === 0));
