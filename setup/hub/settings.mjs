import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { inRoot } from '../paths.mjs';
import { SetupError } from '../step.mjs';

/** How a student may be called: it is the name of a folder, too. */
export const namePattern = '^[a-z0-9][a-z0-9._@-]{0,62}$';

/**
 * What may be set, as setup/hub/settings.jsonc describes it.
 *
 * @typedef {object} Settings
 * @property {string} address
 * @property {number} port
 * @property {string} certificate
 * @property {string} key
 * @property {string[]} admins
 * @property {boolean} solutions
 * @property {number} kernelIdleMinutes
 * @property {number} serverIdleMinutes
 * @property {number} compilerIdleMinutes
 * @property {number} memoryMB
 * @property {number} processors
 * @property {number} processes
 * @property {number} processorMinutes
 * @property {number} servers
 * @property {'bubblewrap' | 'none'} isolation
 * @property {string} configuration
 */

/** @typedef {{ expected: string, holds: (value: unknown) => boolean }} Rule */

const text = {
  expected: 'a text',
  holds: (/** @type {unknown} */ value) => typeof value === 'string',
};
const flag = {
  expected: 'true or false',
  holds: (/** @type {unknown} */ value) => typeof value === 'boolean',
};

/**
 * @param {number} least
 * @param {number} most
 * @returns {Rule}
 */
const number = (least, most) => ({
  expected: `a number from ${least} to ${most}`,
  holds: (value) => typeof value === 'number' && value >= least && value <= most,
});

/**
 * @param {number} least
 * @param {number} most
 * @returns {Rule}
 */
const whole = (least, most) => ({
  expected: `a whole number from ${least} to ${most}`,
  holds: (value) => Number.isInteger(value) && number(least, most).holds(value),
});

/**
 * @param {string[]} words
 * @returns {Rule}
 */
const oneOf = (...words) => ({
  expected: words.map((word) => JSON.stringify(word)).join(' or '),
  holds: (value) => typeof value === 'string' && words.includes(value),
});

/** @type {Record<string, Rule>} */
const rules = {
  address: {
    expected: 'an address, such as "127.0.0.1" or "0.0.0.0"',
    holds: (value) => typeof value === 'string' && (value === 'localhost' || isIP(value) !== 0),
  },
  port: whole(0, 65_535),
  certificate: text,
  key: text,
  admins: {
    expected: 'a list of names of small letters, digits and . _ @ -',
    holds: (value) =>
      Array.isArray(value) &&
      value.every((name) => typeof name === 'string' && new RegExp(namePattern).test(name)),
  },
  solutions: flag,
  kernelIdleMinutes: number(0.05, 100_000),
  serverIdleMinutes: number(0.05, 100_000),
  compilerIdleMinutes: number(0.05, 100_000),
  memoryMB: whole(500, 10_000_000),
  processors: number(0.1, 10_000),
  processes: whole(100, 1_000_000),
  processorMinutes: whole(1, 1_000_000),
  servers: whole(1, 100_000),
  isolation: oneOf('bubblewrap', 'none'),
  configuration: text,
};

/**
 * The settings in a file, which is written where there is none.
 *
 * @param {string} file
 * @returns {Settings}
 */
export function readSettings(file) {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    copyFileSync(inRoot('setup', 'hub', 'settings.jsonc'), file);
  }
  const settings = { ...parsed(inRoot('setup', 'hub', 'settings.jsonc')), ...parsed(file) };
  for (const [name, value] of Object.entries(settings)) {
    const rule = rules[name];
    if (!rule) {
      throw new SetupError(
        `${file} sets ${JSON.stringify(name)}, which does not exist: take it out. There are ${Object.keys(rules).join(', ')}.`,
      );
    }
    if (!rule.holds(value)) {
      throw new SetupError(
        `${file} sets ${name} to ${JSON.stringify(value)}; it has to be ${rule.expected}.`,
      );
    }
  }
  const found = /** @type {Settings} */ (/** @type {unknown} */ (settings));
  for (const name of /** @type {const} */ (['certificate', 'key', 'configuration'])) {
    if (found[name] === '') continue;
    found[name] = resolve(dirname(file), found[name]);
    if (!existsSync(found[name])) {
      throw new SetupError(`${file} names ${found[name]} as ${name}, which does not exist.`);
    }
  }
  checkAddress(found, file);
  return found;
}

/**
 * @param {Settings} settings
 * @param {string} file
 */
function checkAddress({ address, certificate, key }, file) {
  if ((certificate === '') !== (key === '')) {
    const missing = certificate === '' ? 'certificate' : 'key';
    throw new SetupError(`A certificate is two files: ${file} does not name its ${missing}.`);
  }
  if (certificate === '' && !isLoopback(address)) {
    throw new SetupError(
      `The address ${address} can be reached from other machines, and passwords would pass in plain text: ` +
        `name a certificate and its key in ${file}, or set the address to 127.0.0.1 (and let a web server with a certificate pass on to it).`,
    );
  }
}

/** @param {string} address */
const isLoopback = (address) =>
  address === 'localhost' ||
  address === '::1' ||
  (isIP(address) === 4 && address.startsWith('127.'));

/**
 * @param {string} file
 * @returns {Record<string, unknown>}
 */
function parsed(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  // The lines stay, so that an error names the right one.
  const plain = lines.map((line) => (/^\s*\/\//.test(line) ? '' : line)).join('\n');
  try {
    const value = JSON.parse(plain);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new SetupError(
      `${file} cannot be read: ${error instanceof Error ? error.message : error}.`,
    );
  }
  throw new SetupError(
    `${file} has to hold one object, {…}, as ${join('setup', 'hub', 'settings.jsonc')} does.`,
  );
}
