import { readFileSync } from 'node:fs';

/** What a process and all that it started take of the machine. */
export interface Usage {
  /** Resident memory, in bytes. */
  bytes: number;
  processes: number;
  threads: number;
}

const PAGE = 4096;

/** What a process and its descendants use; nothing where the system does not say. */
export function usageOf(pid: number): Usage {
  const total: Usage = { bytes: 0, processes: 0, threads: 0 };
  const open = [pid];
  // More than this no limit allows, and a tree that grows while it is walked has to end.
  while (open.length > 0 && total.processes < 500) {
    const next = open.pop()!;
    const pages = Number(read(next, 'statm').split(' ')[1]);
    if (!(pages >= 0)) continue;
    const threads = /^Threads:\s*(\d+)/m.exec(read(next, 'status'));
    total.bytes += pages * PAGE;
    total.processes += 1;
    total.threads += Number(threads?.[1] ?? 1);
    open.push(...read(next, `task/${next}/children`).split(' ').filter(Boolean).map(Number));
  }
  return total;
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
