import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The processes that cells have started, as the operating system has them. */

/** In their environment, which whatever they start inherits: the name of the child of the kernel. */
export const MARK = 'IMPLICIT_KERNEL_CELLS';

/** All processes below `root`, without those in `except` and what is below them. */
export function descendants(root: number, except: ReadonlySet<number> = new Set()): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of parents()) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const pid of children.get(parent) ?? []) {
      if (except.has(pid)) continue;
      found.push(pid);
      visit(pid);
    }
  };
  visit(root);
  return found;
}

/**
 * Kills all that the cells in process `root` have started, also what has moved to a process group of
 * its own or has lost its parent; not `root` itself, which may be dead already.
 */
export function endStarted(root: number, mark: string): void {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(root), '/T', '/F'], { windowsHide: true });
    return;
  }
  const started = new Set([...descendants(root), ...marked(mark)]);
  started.delete(root);
  for (const pid of started) signal(pid, 'SIGKILL');
}

/** Sends a signal, if the process is still there. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** The parent of every process. */
function parents(): [number, number][] {
  if (process.platform !== 'linux') return parentsByPs();
  return numbersInProc().flatMap((pid): [number, number][] => {
    // The name, in parentheses, may hold anything.
    const [, rest] = /^.*\) \S (\d+)/s.exec(textOf(`/proc/${pid}/stat`)) ?? [];
    return rest === undefined ? [] : [[pid, Number(rest)]];
  });
}

function parentsByPs(): [number, number][] {
  if (process.platform === 'win32') return [];
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').flatMap((line): [number, number][] => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return pid && parent !== undefined ? [[pid, parent]] : [];
  });
}

function marked(mark: string): number[] {
  if (process.platform !== 'linux') return [];
  const entry = `${MARK}=${mark}\0`;
  return numbersInProc().filter((pid) => textOf(`/proc/${pid}/environ`).includes(entry));
}

function numbersInProc(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Nothing, where it has ended or belongs to somebody else. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
