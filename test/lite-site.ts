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

/**
 * What the tab of the browser with this profile holds, with its workers, in MB: private memory, and its part of
 * what it shares. The browser's own pages, and one that it holds ready, are smaller. 0 where the system does not
 * say.
 */
export function memoryOf(profile: string): number {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(processes.map((id) => [id, statusOf(id)]));
  const isOurs = (id: string): boolean => {
    const { parent = '', command = '' } = parents.get(id) ?? {};
    return command.includes(profile) || (parent !== '' && parent !== '1' && isOurs(parent));
  };
  const kilobytes = processes
    .filter((id) => parents.get(id)?.command.includes('--type=renderer') && isOurs(id))
    .map((id) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${id}/smaps_rollup`))?.[1] ?? 0));
  return Math.round(Math.max(0, ...kilobytes) / 1000);
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
