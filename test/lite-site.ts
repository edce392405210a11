import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(__dirname, '..');

/** Sites are served below a path, as on many hosts. */
export const prefix = '/some/where/';

/** The folder of the site that `LITE_SITE` names, or else of one that is built in `folder`. */
export async function findSite(folder: string): Promise<string> {
  if (process.env.LITE_SITE) return process.env.LITE_SITE;
  const site = join(folder, 'site');
  await promisify(execFile)(process.execPath, [join(root, 'setup', 'lite.mjs'), site, '--quick']);
  return site;
}

/** What a tab takes, with its workers; 0 where the system does not say. */
interface Tab {
  /** Private memory, and its part of what it shares. */
  megabytes: number;
  /** What it has worked: unlike seconds on the clock, they do not depend on what else the machine does. */
  processorSeconds: number;
}

/**
 * The tab of the browser with this profile: the processes of the page and of the cells. The browser's own pages, and
 * one that it holds ready, are smaller.
 */
export function tabOf(profile: string): Tab {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(processes.map((id) => [id, statusOf(id)]));
  const isOurs = (id: string): boolean => {
    const { parent = '', command = '' } = parents.get(id) ?? {};
    return command.includes(profile) || (parent !== '' && parent !== '1' && isOurs(parent));
  };
  const tabs = processes
    .filter((id) => parents.get(id)?.command.includes('--type=renderer') && isOurs(id))
    .map(
      (id): Tab => ({
        megabytes: Math.round(
          Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${id}/smaps_rollup`))?.[1] ?? 0) / 1000,
        ),
        processorSeconds: workOf(id),
      }),
    );
  const [page, cells] = tabs.sort((a, b) => b.megabytes - a.megabytes);
  return {
    megabytes: (page?.megabytes ?? 0) + (cells?.megabytes ?? 0),
    processorSeconds: (page?.processorSeconds ?? 0) + (cells?.processorSeconds ?? 0),
  };
}

/** Hundredths of seconds in the program and in the system for it are behind its name, which may hold anything. */
function workOf(id: string): number {
  const fields = read(`/proc/${id}/stat`).split(') ').at(-1)!.split(' ');
  return Math.round((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100);
}

function statusOf(id: string): { parent: string; command: string } {
  const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${id}/status`))?.[1] ?? '';
  return { parent, command: read(`/proc/${id}/cmdline`) };
}

/** Processes end while they are looked at. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
