import type { CellSource } from './cell-source';

/*
 * The types of Node.js take as long to read as all else that a small cell needs, and as much memory
 * again. They are read once something asks for them. Until then `console` is declared by itself, and
 * a cell that does not pass the check is checked again with them before anything is said against it.
 */

/** Of what is global in Node.js, what the language itself has. */
const LANGUAGE = new Set(
  `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date
  Promise RegExp Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError
  URIError globalThis JSON Math Intl ArrayBuffer Atomics Uint8Array Int8Array Uint16Array Int16Array
  Uint32Array Int32Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array
  DataView Map BigInt Set WeakMap WeakSet WeakRef Proxy Reflect FinalizationRegistry
  SharedArrayBuffer decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval
  console`.split(/\s+/),
);

/** What the types of Node.js declare besides; `this` of a module that is CommonJS. */
const MORE = [
  'NodeJS',
  'require',
  'module',
  'exports',
  '__dirname',
  '__filename',
  'BufferEncoding',
];

/** The names of what is there when cells run, and not a part of the language. */
export function globalsOfNode(): string[] {
  return [...Object.getOwnPropertyNames(globalThis), ...MORE].filter(
    (name) => /^[A-Za-z_$]/.test(name) && !LANGUAGE.has(name),
  );
}

/**
 * Whether a cell may mean something else with the types of Node.js than without them, or names what
 * they declare.
 */
export function asksForNode(cell: CellSource, earlier: { has(name: string): boolean }): boolean {
  // Its declarations for all files could contradict theirs, and an error that it expects may be theirs.
  if (cell.global || cell.modules.length > 0 || cell.text.includes('@ts-')) return true;
  return globalsOfNode().some(
    (name) => cell.mentioned.has(name) && !cell.declared.has(name) && !earlier.has(name),
  );
}

/** Whether a file of a package takes something from the types of Node.js. */
export function mentionsNode(text: string): boolean {
  const taken = /\b(?:NodeJS\.|Buffer\b)|['"]node:/;
  return (
    /<reference types="node"/.test(text) ||
    (taken.test(text) && taken.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))
  );
}
