import { readFileSync, statfsSync } from 'node:fs';

/** What a process and all that it started take of the machine. */
export interface Usage {
  /** Resident memory, in bytes. */
  bytes: number;
  processes: number;
  threads: number;
}

const PAGE = 4096;

/** What a process has in memory by itself, in bytes; NaN where the system does not say. */
export const residentBytes = (pid: number): number =>
  Number(read(pid, 'statm').split(' ')[1]) * PAGE;

/** What a process and its descendants use; nothing where the system does not say. */
export function usageOf(pid: number): Usage {
  const total: Usage = { bytes: 0, processes: 0, threads: 0 };
  for (const next of below(pid)) {
    const bytes = residentBytes(next);
    if (Number.isNaN(bytes)) continue;
    const threads = /^Threads:\s*(\d+)/m.exec(read(next, 'status'));
    total.bytes += bytes;
    total.processes += 1;
    total.threads += Number(threads?.[1] ?? 1);
  }
  return total;
}

/** Folders in memory that a process has to itself. */
export interface OwnFolders {
  paths: readonly string[];
  /** What each may hold, in bytes. */
  size: number;
}

/**
 * How many files a process and its descendants have made in their own folders. Each takes a
 * kilobyte of the system's memory, which their size does not count.
 */
export function filesOf(pid: number, { paths, size }: OwnFolders): number {
  let most = 0;
  for (const next of below(pid)) {
    for (const path of paths) {
      try {
        const { blocks, bsize, files, ffree } = statfsSync(`/proc/${next}/root${path}`);
        // One that has not yet been moved there sees the folder of everybody.
        if (blocks * bsize === size) most = Math.max(most, files - ffree);
      } catch {
        // It has ended, or the system does not say.
      }
    }
  }
  return most;
}

/** A process and its descendants, as they are found. */
function* below(pid: number): Generator<number> {
  const open = [pid];
  // More than this no limit allows, and a tree that grows while it is walked has to end.
  for (let count = 0; open.length > 0 && count < 500; count++) {
    const next = open.pop()!;
    yield next;
    open.push(...read(next, `task/${next}/children`).split(' ').filter(Boolean).map(Number));
  }
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
