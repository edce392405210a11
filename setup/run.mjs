import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { log, root, windows } from './paths.mjs';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const running = new Set();
const secondsToStop = 5;
let interrupted = endAll;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted());
process.on('exit', () => {
  for (const child of running) end(child);
});

/** Lets every running program end itself (a kernel's client ends its kernel), then ends this one. */
function endAll() {
  const status = 130;
  for (const child of running) {
    end(child, 'SIGTERM');
    child.on('close', () => running.size === 0 && process.exit(status));
  }
  setTimeout(() => process.exit(status), running.size === 0 ? 0 : secondsToStop * 1000);
}

/**
 * Replaces what an interrupt does.
 *
 * @param {() => void} action
 */
export function onInterrupt(action) {
  interrupted = action;
}

/**
 * Starts a program in a process group of its own, so that it can be ended with all its children and
 * an interrupt from the terminal reaches it only through us.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
export function start(program, args, options = {}) {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    ...options,
    detached: !windows,
  });
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/**
 * Sends a signal to a program and everything it started.
 *
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
export function end(child, signal = 'SIGKILL') {
  if (child.pid === undefined) return;
  if (windows) {
    spawnSync('taskkill', ['/pid', String(child.pid), '/T', '/F']);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}

/**
 * @typedef {object} Watching
 * @property {{ seconds: number, unless?: () => boolean }} [limit]
 * @property {{ seconds: number, lastSign: () => number }} [silence]
 * @property {(line: string, stop: (reason: string) => void) => void} [onLine]
 */

/**
 * Runs a program to its end.
 *
 * - `limit`: `{ seconds, unless }`; ends it after that time, unless `unless()` then holds.
 * - `silence`: `{ seconds, lastSign }`; ends it when `lastSign()`, the time of its last sign of
 *   progress in milliseconds (0 while there is none), is so long ago. Slow work is not ended.
 * - `onLine(line, stop)`: sees each line it prints; `stop(reason)` ends the program.
 *
 * Returns `{ ok, output, reason }`: whether it ended well, all it printed, and why it was ended early
 * (an empty string where it was not). What a failing program printed goes to the log too.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions & Watching} options
 * @returns {Promise<{ ok: boolean, output: string, reason: string }>}
 */
export function run(program, args, { limit, silence, onLine, ...options } = {}) {
  return new Promise((resolve) => {
    const child = start(program, args, options);
    let output = '';
    let reason = '';
    const stopFor = (/** @type {string} */ why) => {
      reason ||= why;
      end(child);
    };
    const timer =
      limit &&
      setTimeout(() => {
        if (!limit.unless?.()) stopFor(`stopped after ${limit.seconds} s`);
      }, limit.seconds * 1000);
    const began = Date.now();
    const watch =
      silence &&
      setInterval(() => {
        const last = Math.max(began, silence.lastSign());
        if (Date.now() - last > silence.seconds * 1000) {
          stopFor(`stopped after ${silence.seconds} s without progress`);
        }
      }, 1000);
    const finish = (/** @type {number | null} */ code) => {
      clearTimeout(timer);
      clearInterval(watch);
      const ok = code === 0 && reason === '';
      if (!ok && output + reason !== '')
        appendFileSync(log, `$ ${program} ${args.join(' ')}\n${output}${reason}\n`);
      resolve({ ok, output, reason });
    };
    const listen = (/** @type {import('node:stream').Readable} */ stream) => {
      stream.setEncoding('utf8');
      eachLine(stream, (line) => onLine?.(line, stopFor));
      stream.on('data', (text) => {
        output += text;
      });
    };
    if (child.stdout) listen(child.stdout);
    if (child.stderr) listen(child.stderr);
    child.on('error', (error) => {
      output += `${error.message}\n`;
      finish(-1);
    });
    child.on('close', finish);
  });
}

/**
 * Calls `use` with each whole line of a text stream, the last one at its end.
 *
 * @param {import('node:stream').Readable} stream
 * @param {(line: string) => void} use
 */
export function eachLine(stream, use) {
  let rest = '';
  stream.on('data', (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) use(line);
  });
  stream.on('end', () => rest && use(rest));
}
