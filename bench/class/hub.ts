import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Hub } from '../../test/hub/hub';
import { Learner, type Story } from './learner';
import { below, megabytesOf, type Process, processes } from './processes';

/** The part of kernels, and of servers, that `--kill` ends. */
const KILLED = 0.1;
const SECONDS_BETWEEN_ARRIVALS = 1;

/**
 * Does a class of this size get on, how soon does each see something, and what memory do they take?
 *
 *     npm run bench -- class hub [--students 50] [--kill]
 */
export async function measureHub(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { students: { type: 'string', default: '50' }, kill: { type: 'boolean' } },
  });
  const count = Number(values.students);
  const hub = new Hub();
  try {
    hub.set({ port: 0, servers: count + 1 });
    const names = Array.from({ length: count }, (_, i) => `student${i}`);
    await hub.add(...names);
    await hub.start();
    const began = performance.now();
    const killing = values.kill ? new Killing(hub.folder, names) : undefined;
    const stories = await Promise.all(
      names.map(async (name, i) => {
        await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS_BETWEEN_ARRIVALS * i));
        return new Learner(hub.student(name), i).work();
      }),
    );
    killing?.stop();
    const seconds = (performance.now() - began) / 1000;
    for (const story of stories) if (!hasDone(hub.folder, story.name)) story.lost.push('the ✓');
    tell(stories, seconds, memoryOf(hub.folder, names), killing?.killed);
  } finally {
    await hub.close();
  }
}

/** Whether the journal of a student knows that the exercise is done. */
function hasDone(folder: string, name: string): boolean {
  try {
    const text = readFileSync(join(folder, 'students', name, '.progress.jsonl'), 'utf8');
    return /"neumann-01".*"right"/.test(text);
  } catch {
    return false;
  }
}

/** Ends kernels and servers at random, each tenth of them once. */
class Killing {
  readonly killed = { kernels: 0, servers: 0 };
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(folder: string, names: readonly string[]) {
    const some = Math.max(1, Math.round(KILLED * names.length));
    const kinds = [
      ['kernels', /kernel\.cjs|child\.cjs/],
      ['servers', /jupyterhub-singleuser/],
    ] as const;
    for (const [kind, pattern] of kinds) {
      for (let i = 0; i < some; i++) {
        const attempt = () => {
          const name = names[Math.floor(Math.random() * names.length)]!;
          const found = processesOf(folder, name).filter(
            ({ command }) => pattern.test(command) && !command.includes('inside.py'),
          );
          const victim = found[Math.floor(Math.random() * found.length)];
          if (victim) {
            process.kill(victim.pid, 'SIGKILL');
            this.killed[kind] += 1;
          } else {
            this.timers.push(setTimeout(attempt, 2000));
          }
        };
        // While most are at work.
        this.timers.push(setTimeout(attempt, 1000 * (20 + Math.random() * 4 * names.length)));
      }
    }
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}

function processesOf(folder: string, name: string, all = processes()): Process[] {
  const root = all.find(
    ({ command }) =>
      /^(?:\S*\/)?(?:bwrap|systemd-run) /.test(command) &&
      command.includes(`${join(folder, 'students', name)} `),
  );
  return root ? below(root.pid, all) : [];
}

function memoryOf(folder: string, names: readonly string[]) {
  const all = processes();
  const each = names.map((name) => processesOf(folder, name, all));
  const sum = (some: Process[]) => some.reduce((total, one) => total + megabytesOf(one), 0);
  const kernels = each.flatMap((some) => {
    const starts = some.filter(({ command }) => /kernel\.cjs|implicit-kernel\.cjs/.test(command));
    return starts
      .filter(({ parent }) => !starts.some(({ pid }) => pid === parent))
      .map(({ pid }) => sum(below(pid, all)));
  });
  const hub = all.filter(
    ({ command }) =>
      command.includes('-m jupyterhub') || command.includes('configurable-http-proxy'),
  );
  return { students: each.map(sum), kernels, hub: sum(hub) };
}

function tell(
  stories: readonly Story[],
  seconds: number,
  memory: ReturnType<typeof memoryOf>,
  killed?: Killing['killed'],
): void {
  const of = (key: 'firstResult' | 'firstFigure') =>
    stories.flatMap((story) => (story[key] === undefined ? [] : [story[key]]));
  const failed = stories.filter(({ failure }) => failure);
  const lost = stories.filter(({ lost }) => lost.length > 0);
  console.log(`\n${stories.length} students, ${Math.round(seconds)} s in all`);
  if (killed) {
    const told = stories.filter(({ messages }) => messages.length > 0).length;
    console.log(`killed: ${killed.kernels} kernels, ${killed.servers} servers; ${told} were told`);
  }
  console.log('\n| | median | largest |\n| --- | ---: | ---: |');
  row('seconds to the first result', of('firstResult'));
  row('seconds to the first figure', of('firstFigure'));
  row('MB of a student, shared pages divided', memory.students);
  row('MB of a kernel', memory.kernels);
  console.log(`\nhub and proxy: ${Math.round(memory.hub)} MB`);
  console.log(`all students: ${Math.round(memory.students.reduce((a, b) => a + b, 0))} MB`);
  console.log(`failed: ${failed.length}; lost something: ${lost.length}`);
  for (const { name, failure } of failed) console.log(`  ${name}: ${failure}`);
  for (const { name, lost: what } of lost) console.log(`  ${name} lost ${what.join(', ')}`);
  for (const { name, messages } of stories) {
    for (const message of messages) console.log(`  ${name} was told: ${message}`);
  }
}

function row(name: string, values: number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(`| ${name} | ${median.toFixed(0)} | ${(sorted.at(-1) ?? Number.NaN).toFixed(0)} |`);
}
