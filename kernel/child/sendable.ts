import { encodeBase64 } from '../protocol';
import { failureOf } from './failure';
import { KeyboardInterrupt } from './interruption';
import { parse, stringify } from './json';
import type { Bundle } from './messages';

/** Clients written in Python recurse into what they receive, and stop at a depth of some hundreds. */
const MOST_LEVELS = 100;

const MIME_TYPE = /^[^/\s]+\/\S+$/;

/** The types whose value is JSON; that of all others is text (the schema of nbformat 4.5). */
const JSON_TYPE = /^application\/(.*\+)?json$/;

type Data = Record<string, unknown>;

/**
 * `given` as a bundle that can be sent, shown and saved, whatever a library has made: what cannot is
 * replaced by a note in `text/plain` that names the MIME type and the reason.
 */
export function sendableBundle(given: unknown): Bundle {
  const notes: string[] = [];
  const read = <T>(name: string, part: () => T): T | undefined => {
    try {
      return part();
    } catch (error) {
      if (KeyboardInterrupt.is(error)) throw error;
      notes.push(`[${name.slice(0, 200)} cannot be shown: ${reasonOf(error)}]`);
      return undefined;
    }
  };
  const data: Data = {};
  const source = read('the bundle', () => objectOf(given)) ?? {};
  const parts = read('the bundle', () => objectOf(source.data)) ?? {};
  for (const mime of read('the bundle', () => Object.keys(parts)) ?? []) {
    const value = read(mime, () => representationOf(mime, parts[mime]));
    if (value !== undefined) data[mime] = value;
  }
  const metadata = read('metadata', () => optional(source.metadata)) ?? {};
  const transient = read('transient', () => optional(source.transient)) ?? {};
  if (notes.length > 0) {
    data['text/plain'] = [data['text/plain'] ?? [], ...notes].flat().join('\n');
  }
  return { data, metadata, transient };
}

/**
 * `value` as plain JSON: a BigInt becomes a number where it is a safe integer, else a text.
 *
 * @throws Error if JSON cannot represent the value, or no reader could decode it: functions, cycles, more
 *   than 100 levels; and whatever a `toJSON` method throws.
 */
export function jsonOf(value: unknown): unknown {
  const text = textOf(value);
  if (text === undefined) throw new Error(`it is ${kindOf(value)}, which JSON cannot express`);
  const json: unknown = parse(text);
  if (isDeeper(json, MOST_LEVELS)) throw new Error(`it is nested more than ${MOST_LEVELS} deep`);
  return json;
}

function representationOf(mime: string, value: unknown): unknown {
  if (!MIME_TYPE.test(mime)) throw new Error('it is not a MIME type such as text/plain');
  if (JSON_TYPE.test(mime)) return jsonOf(value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array && !mime.startsWith('text/')) {
    return encodeBase64(value);
  }
  const text = typeof value === 'string' ? value : jsonOf(value);
  // A list is one text in parts, as in files of notebooks.
  const whole = Array.isArray(text) && text.every(isString) ? text.join('') : text;
  if (!isString(whole)) throw new Error(`it is ${kindOf(value)}, not a text`);
  return whole;
}

/** Without a function for each value, which is slow, unless there are BigInts. */
function textOf(value: unknown): string | undefined {
  try {
    return stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return stringify(value, (_key, part) => (typeof part === 'bigint' ? shorten(part) : part));
  }
}

function shorten(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function isDeeper(json: unknown, levels: number): boolean {
  if (typeof json !== 'object' || json === null) return false;
  return levels === 0 || Object.values(json).some((part) => isDeeper(part, levels - 1));
}

function objectOf(value: unknown): Data {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`it is ${kindOf(value)}, not an object with MIME types as keys`);
  }
  return value as Data;
}

function optional(value: unknown): Data {
  return value === undefined || value === null ? {} : objectOf(jsonOf(value));
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The first line: the rest draws the cycle that JSON has found. */
function reasonOf(error: unknown): string {
  const [line = ''] = failureOf(error).message.split('\n');
  return line === 'Maximum call stack size exceeded' ? 'it is nested too deep' : line.slice(0, 500);
}
