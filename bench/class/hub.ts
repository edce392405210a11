import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Hub } from '../../test/hub/hub';
import { Learner, type Story } from './learner';
import { below, megabytesOf, type Process, processes } from './processes';

/** The part of kernels, and of servers, that `--kill` ends. */
const KILLED = 0.1;
/** Fifty come within seven minutes, as at the beginning of an hour. */
const SECONDS_BETWEEN_ARRIVALS = 8;
/** What is left to the machine. Where less is free nobody more is let in; at half of it all ends. */
const RESERVE_MB = 1500;
/** For one who comes, until it is known what those take who are at work. */
const FIRST_GUESS_MB = 520;
/** So long one who comes waits for room, until those before have done what takes most. */
const PATIENCE_SECONDS = 300;
/** As the compilers of kernels rest: `compilerIdleMinutes` of the settings. */
const REST_MINUTES = 1;

/**
 * Does a class of this size get on, how soon does each see something, and what memory do they take?
 *
 *     npm run bench -- class hub [--students 50] [--every SECONDS] [--kill]
 *
 * One comes every few seconds (`--every`). Where memory runs short one waits, in the end nobody more comes,
 * and it says so.
 */
export async function measureHub(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      students: { type: 'string', default: '50' },
      every: { type: 'string', default: String(SECONDS_BETWEEN_ARRIVALS) },
      kill: { type: 'boolean' },
    },
  });
  const [count, every] = [Number(values.students), Number(values.every)];
  if (!(count >= 1) || !(every >= 0)) {
    throw new Error(
      `--students wants a number from 1 and --every one from 0; they were ${values.students} and ${values.every}.`,
    );
  }
  const hub = new Hub();
  const names = Array.from({ length: count }, (_, i) => `student${i}`);
  const watch = new MemoryWatch(hub.folder);
  try {
    hub.set({ port: 0, servers: count + 1, compilerIdleMinutes: REST_MINUTES });
    await hub.add(...names);
    await hub.start();
    const began = performance.now();
    const killing = values.kill ? new Killing(hub.folder, names, watch.atWork, every) : undefined;
    const stories: Promise<Story>[] = [];
    for (const [i, name] of names.entries()) {
      if (i > 0) await pause(every);
      const refusal = await watch.room();
      if (refusal) {
        console.log(`${name} and those after do not come: ${refusal}`);
        break;
      }
      watch.atWork.add(name);
      const story = new Learner(hub.student(name), i).work();
      stories.push(story.finally(() => watch.atWork.delete(name)));
    }
    const told = await Promise.race([Promise.all(stories), watch.exhausted]);
    killing?.stop();
    if (!told) {
      console.log(
        `\nStopped with ${stories.length} students: less than ${RESERVE_MB / 2} MB were free.`,
      );
      return;
    }
    const seconds = (performance.now() - began) / 1000;
    for (const story of told) if (!hasDone(hub.folder, story.name)) story.lost.push('the ✓');
    const here = names.slice(0, stories.length);
    const memory = memoryOf(hub.folder, here);
    tell(told, seconds, killing?.killed);
    tellMemory('when the last has done', memory);
    console.log(
      `\nmost at a time: ${Math.round(watch.most)} MB of this machine; at work at most ${watch.mostAtWork}; waited for room: ${Math.round(watch.secondsWaited)} s`,
    );
    await pause(60 * REST_MINUTES + 10);
    tellMemory('a minute later, when compilers rest', memoryOf(hub.folder, here));
  } finally {
    watch.stop();
    await hub.close();
  }
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Sees to it that a class does not take the machine with it. */
class MemoryWatch {
  /** Those who have come and have not done all. */
  readonly atWork = new Set<string>();
  /** MB that this machine had in use, more than before. */
  most = 0;
  mostAtWork = 0;
  /** How long those who came waited for room. */
  secondsWaited = 0;
  /** Settled where nearly nothing is left. */
  readonly exhausted: Promise<undefined>;
  private readonly before = availableMB();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly folder: string) {
    let exhaust: (value: undefined) => void = () => {};
    this.exhausted = new Promise((resolve) => {
      exhaust = resolve;
    });
    this.timer = setInterval(() => {
      const free = availableMB();
      this.most = Math.max(this.most, this.before - free);
      this.mostAtWork = Math.max(this.mostAtWork, this.atWork.size);
      if (free < RESERVE_MB / 2) exhaust(undefined);
    }, 1000);
  }

  /** Waits until there is room for one more; why there is none where that takes too long. */
  async room(): Promise<string | undefined> {
    const began = performance.now();
    let refusal = this.refusal();
    while (refusal && performance.now() - began < 1000 * PATIENCE_SECONDS) {
      await pause(2);
      refusal = this.refusal();
    }
    this.secondsWaited += (performance.now() - began) / 1000;
    return refusal;
  }

  /** Why one more would be too much; nothing where there is room. */
  private refusal(): string | undefined {
    const free = availableMB();
    const sizes = memoryOf(this.folder, [...this.atWork]).students;
    const each = Math.max(FIRST_GUESS_MB, ...sizes);
    // Those who came last have not taken yet what they will.
    const toCome = sizes.reduce((sum, size) => sum + each - size, each);
    if (free - toCome > RESERVE_MB) return undefined;
    return `${Math.round(free)} MB are free, and those at work and one more may take ${Math.round(toCome)} of them.`;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

function availableMB(): number {
  return Number(/MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1024;
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

/** Ends kernels and servers at random, each tenth of them once, and first of those who are at work. */
class Killing {
  readonly killed = { kernels: 0, servers: 0 };
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    folder: string,
    names: readonly string[],
    atWork: ReadonlySet<string>,
    every: number,
  ) {
    const some = Math.max(1, Math.round(KILLED * names.length));
    const kinds = [
      ['kernels', /kernel\.cjs|child\.cjs/],
      ['servers', /jupyterhub-singleuser/],
    ] as const;
    for (const [kind, pattern] of kinds) {
      for (let i = 0; i < some; i++) {
        const attempt = () => {
          const from = atWork.size > 0 ? [...atWork] : names;
          const name = from[Math.floor(Math.random() * from.length)]!;
          const found = processesOf(folder, name).filter(
            ({ command }) => pattern.test(command) && !command.includes('inside.py'),
          );
          const victim = found[Math.floor(Math.random() * found.length)];
          if (victim) {
            process.kill(victim.pid, 'SIGKILL');
            this.killed[kind] += 1;
          } else {
            this.timers.push(setTimeout(attempt, 500));
          }
        };
        // Until the last ones come.
        const last = every * (names.length - 1);
        this.timers.push(setTimeout(attempt, 1000 * Math.random() * last));
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

/** The programs of a student, by what their command lines hold. */
const PARTS: [name: string, command: RegExp][] = [
  ['server', /jupyterhub-singleuser|inside\.py/],
  ['compilers', /compiler\.cjs/],
  ['processes of cells', /child\.cjs/],
  ['kernels besides', /implicit-kernel\.cjs|esbuild/],
];

interface Memory {
  students: number[];
  /** Of each kernel with all that it started. */
  kernels: number[];
  /** Of each student, by part. */
  parts: Map<string, number[]>;
  hub: number;
}

function memoryOf(folder: string, names: readonly string[]): Memory {
  const all = processes();
  const each = names.map((name) => processesOf(folder, name, all));
  const sum = (some: Process[]) => some.reduce((total, one) => total + megabytesOf(one), 0);
  const kernels = each.flatMap((some) => {
    const starts = some.filter(({ command }) => /implicit-kernel\.cjs/.test(command));
    return starts
      .filter(({ parent }) => !starts.some(({ pid }) => pid === parent))
      .map(({ pid }) => sum(below(pid, all)));
  });
  const parts = PARTS.map(([name, command], i): [string, number[]] => [
    name,
    each.map((some) =>
      sum(
        some.filter(
          (one) =>
            command.test(one.command) &&
            !PARTS.slice(0, i).some(([, other]) => other.test(one.command)),
        ),
      ),
    ),
  ]);
  const hub = all.filter(
    ({ command }) =>
      command.includes('-m jupyterhub') || command.includes('configurable-http-proxy'),
  );
  return { students: each.map(sum), kernels, parts: new Map(parts), hub: sum(hub) };
}

function tell(stories: readonly Story[], seconds: number, killed?: Killing['killed']): void {
  const of = (key: 'firstResult' | 'firstFigure') =>
    stories.flatMap((story) => (story[key] === undefined ? [] : [story[key]]));
  const failed = stories.filter(({ failure }) => failure);
  const lost = stories.filter(({ lost }) => lost.length > 0);
  const cores = availableParallelism();
  console.log(`\n${stories.length} students on ${cores} cores, ${Math.round(seconds)} s in all`);
  if (killed) {
    const told = stories.filter(({ messages }) => messages.length > 0).length;
    console.log(`killed: ${killed.kernels} kernels, ${killed.servers} servers; ${told} were told`);
  }
  console.log('\n| | median | largest |\n| --- | ---: | ---: |');
  row('seconds to the first result', of('firstResult'));
  row('seconds to the first figure', of('firstFigure'));
  console.log(`\nfailed: ${failed.length}; lost something: ${lost.length}`);
  for (const { name, failure } of failed) console.log(`  ${name}: ${failure}`);
  for (const { name, lost: what } of lost) console.log(`  ${name} lost ${what.join(', ')}`);
  for (const { name, messages } of stories) {
    for (const message of messages) console.log(`  ${name} was told: ${message}`);
  }
}

function tellMemory(when: string, { students, kernels, parts, hub }: Memory): void {
  console.log(`\n| MB ${when}, shared pages divided | median | largest |\n| --- | ---: | ---: |`);
  row('a student', students);
  for (const [name, sizes] of parts) row(`  of that ${name}`, sizes);
  row('a kernel', kernels);
  console.log(`\nall students: ${Math.round(students.reduce((a, b) => a + b, 0))} MB`);
  console.log(`hub and proxy: ${Math.round(hub)} MB`);
}

function row(name: string, values: number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(`| ${name} | ${median.toFixed(0)} | ${(sorted.at(-1) ?? Number.NaN).toFixed(0)} |`);
}
