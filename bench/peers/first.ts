import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { FirstCall } from './first-call';
import { CALLS } from './first-call';
import { type System, startPeers, WHOLE } from './peer';
import { table } from './report';
import type { Workloads } from './workload';

/** The workloads whose first call is measured, and the data that they need. */
const FIRST: Record<string, RegExp> = {
  'W1 CG 20': /^w1_/,
  'W3 Neumann 6': /^w3_/,
  'W3 CG 20': /^w3_/,
  'MLP 128 gradient': /^net_/,
  'CNN gradient': /^(cnn|net)_/,
  'RNN gradient': /^(rnn|net)_/,
};

export interface FirstRow {
  name: string;
  /** By the systems, ours among them. */
  of: Record<string, FirstCall>;
}

/** Each workload in a new process of each system, with its own data alone. */
export async function firstCalls(
  python: string,
  systems: readonly System[],
  { data, settings }: Workloads,
): Promise<FirstRow[]> {
  const rows: FirstRow[] = [];
  for (const [name, needed] of Object.entries(FIRST)) {
    const own = Object.fromEntries(Object.entries(data).filter(([each]) => needed.test(each)));
    const given = { list: [], data: own, settings };
    const of: FirstRow['of'] = {};
    const { folder, stop } = startPeers(python, [], given);
    try {
      of.ours = JSON.parse(
        execFileSync('npx', ['tsx', join(__dirname, 'first-call.ts'), folder, name], {
          encoding: 'utf8',
        }),
      ) as FirstCall;
    } finally {
      stop();
    }
    for (const system of systems.filter(({ name }) => WHOLE.includes(name))) {
      const began = performance.now();
      const { peers, stop } = startPeers(python, [system], given);
      try {
        const [peer] = peers;
        const first = (await peer!.once(name, 'float32'))!;
        const whole = performance.now() - began;
        let { peak } = first;
        for (let i = 1; i < CALLS; i++) ({ peak } = (await peer!.once(name, 'float32'))!);
        of[system.name] = { whole, first: 1000 * first.seconds[0]!, peak };
      } finally {
        stop();
      }
    }
    rows.push({ name, of });
    console.log(`${name}: ${of.ours.first.toFixed(0)} ms`);
  }
  return rows;
}

/** The table of a run. */
export function firstReport(rows: readonly FirstRow[]): string {
  const systems = Object.keys(rows[0]!.of);
  const header = [
    'workload',
    ...systems.map((name) => `${name} s from the start`),
    ...systems.map((name) => `${name} first call ms`),
    'of which programs ms',
    ...systems.map((name) => `${name} peak MiB`),
  ];
  const lines = rows.map(({ name, of }) => [
    name,
    ...systems.map((system) => (of[system]!.whole / 1000).toFixed(2)),
    ...systems.map((system) => of[system]!.first.toFixed(0)),
    of.ours!.compile!.toFixed(1),
    ...systems.map((system) => of[system]!.peak.toFixed(0)),
  ]);
  const lost = (part: 'whole' | 'first' | 'peak', what: string) => {
    const names = rows.filter(({ of }) =>
      systems.some((system) => of[system]![part] < of.ours![part]),
    );
    return `A peer is ahead in ${what} in ${names.length} of ${rows.length}${names.length > 0 ? `: ${names.map(({ name }) => name).join('; ')}` : ''}.`;
  };
  return [
    lost('whole', 'the time from the start of a process to the first result'),
    lost('first', 'the first call without imports'),
    lost('peak', 'peak memory'),
    '',
    "Ours is started through tsx, which translates the library; its second number is without imports, as the peers' is.",
    '',
    ...table([header, ...lines]),
  ].join('\n');
}
