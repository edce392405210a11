import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { Compiler } from '../compiler';
import { startCompilerProcess } from '../node/compiler/child';

leaveOutOfQuickRun();

/*
 * A copy of the kernel, whose sources can be changed, with the packages of this checkout.
 */

const kernel = dirname(__dirname);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kernel-bundle-')));
const home = join(folder, 'home');
const copy = join(folder, 'kernel');
const cache = join(folder, 'node_modules', '.cache');
process.env.XDG_CACHE_HOME = home;

cpSync(kernel, copy, {
  recursive: true,
  filter: (path) => !/[\\/](?:dist|browser|node_modules)$|\.test\.ts$/.test(path),
});
mkdirSync(join(folder, 'node_modules'));
const packages = dirname(dirname(createRequire(__filename).resolve('typescript/package.json')));
for (const name of ['typescript', 'tsx', 'esbuild', 'zeromq', 'tslab', '@types']) {
  symlinkSync(join(packages, name), join(folder, 'node_modules', name));
}

interface Bundles {
  bundle(): string | undefined;
  snapshot(bundle: string): string | undefined;
  makeSnapshot(bundle: string): boolean;
}

const bundles: Bundles = createRequire(__filename)(join(copy, 'bin', 'bundle.cjs'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** In a process of its own, as each kernel does it. */
function made(): Promise<string> {
  const file = JSON.stringify(join(copy, 'bin', 'bundle.cjs'));
  const asked = spawn(process.execPath, ['-p', `require(${file}).bundle()`]);
  return new Promise((resolve) => {
    let text = '';
    asked.stdout.on('data', (chunk) => {
      text += chunk;
    });
    asked.on('close', () => resolve(text.trim()));
  });
}

test('kernels that start at once both find a whole bundle', async () => {
  const [one, other] = await Promise.all([made(), made()]);
  expect(one).toBe(other);
  expect(dirname(one)).toBe(join(cache, 'implicit-kernel'));
  expect(readdirSync(dirname(one))).toHaveLength(1);
  const { ino } = statSync(one);
  expect(bundles.bundle()).toBe(one);
  expect(statSync(one).ino).toBe(ino);
});

test('a changed source gives another bundle, a damaged one is made again', () => {
  const before = bundles.bundle()!;
  const start = join(copy, 'node', 'start.ts');
  appendFileSync(start, "\nexport const edited = 'it was edited';\n");
  const after = bundles.bundle()!;
  expect(after).not.toBe(before);
  const text = () => readFileSync(join(after, 'kernel.cjs'), 'utf8');
  expect(text()).toContain('it was edited');
  const whole = text();
  writeFileSync(join(after, 'kernel.cjs'), whole.replace('it was edited', 'it is damaged'));
  expect(bundles.bundle()).toBe(after);
  expect(text()).toBe(whole);
  rmSync(join(after, 'compiler.cjs'));
  bundles.bundle();
  expect(existsSync(join(after, 'compiler.cjs'))).toBe(true);
});

test('the compiler runs with a snapshot, without, and with a damaged one; a library that is packed again outdates it', async () => {
  const bundle = bundles.bundle()!;
  const pack = join(cache, 'implicit-kernel', 'some.json');
  writeFileSync(pack, '{}');
  const packedAt = (seconds: number) => utimesSync(pack, seconds, seconds);
  packedAt(2);
  expect(bundles.snapshot(bundle)).toBeUndefined();
  expect(bundles.makeSnapshot(bundle)).toBe(true);
  const blob = bundles.snapshot(bundle)!;
  // It is outdated once a library is packed again.
  packedAt(3);
  expect(bundles.snapshot(bundle)).toBeUndefined();
  packedAt(2);
  expect(bundles.snapshot(bundle)).toBe(blob);
  const works = async (): Promise<void> => {
    const compiler = new Compiler(() => startCompilerProcess(bundle));
    try {
      expect((await compiler.call('compile', 'const kept: number = 1')).ok).toBe(true);
      await compiler.call('commit');
      expect((await compiler.call('compile', 'kept.toFixed()')).ok).toBe(true);
      expect((await compiler.call('compile', 'kept.nothing')).ok).toBe(false);
      expect((await compiler.call('complete', 'kept.toFix', 10)).matches).toEqual(['toFixed']);
    } finally {
      compiler.stop();
    }
  };
  await works();
  const bytes = readFileSync(blob);
  writeFileSync(blob, bytes.fill(7, bytes.length / 2));
  await works();
  writeFileSync(blob, 'cut off');
  expect(bundles.snapshot(bundle)).toBeUndefined();
  await works();
  rmSync(pack);
});

// A snapshot that a compiler of an earlier test has asked for may come in between.
const mayMeetAnother = { retry: 2 };

test('types of a package in the snapshot hold only for the text that they were parsed from', {
  ...mayMeetAnother,
}, async () => {
  const types = join(folder, 'node_modules', '@tensorflow', 'tfjs', 'index.d.ts');
  const declare = (type: 'number' | 'string') => {
    mkdirSync(dirname(types), { recursive: true });
    writeFileSync(types, `export declare const given: ${type};`);
    // As after an installation that gives all files the same time.
    utimesSync(types, 0, 0);
  };
  const said = async (cell: string): Promise<string> => {
    const compiler = new Compiler(() => startCompilerProcess(bundle));
    try {
      const compiled = await compiler.call(
        'compile',
        `import { given } from '@tensorflow/tfjs'; ${cell}`,
      );
      return compiled.ok
        ? 'good'
        : compiled.diagnostics.map(({ messageText }) => messageText).join();
    } finally {
      compiler.stop();
    }
  };
  const before = process.cwd();
  process.chdir(folder);
  declare('number');
  const bundle = bundles.bundle()!;
  expect(bundles.makeSnapshot(bundle)).toBe(true);
  expect(readFileSync(join(bundle, 'compiler.blob')).includes('declare const given')).toBe(true);
  try {
    expect(await said('given.toFixed()')).toBe('good');
    declare('string');
    expect(await said('given.toFixed()')).toContain("'toFixed' does not exist on type 'string'");
    expect(await said('given.length')).toBe('good');
    rmSync(dirname(types), { recursive: true });
    expect(await said('given.length')).toContain('Cannot find module');
    await expect.poll(() => bundles.snapshot(bundle)).toBeDefined();
  } finally {
    process.chdir(before);
  }
});

test('what the compiler knew outlives its process', async () => {
  const bundle = bundles.bundle()!;
  let end: (() => void) | undefined;
  const compiler = new Compiler(() => {
    const worker = startCompilerProcess(bundle);
    let lost: () => void = () => {};
    end = () => {
      worker.end();
      lost();
    };
    return {
      ...worker,
      onEnd: (hear) => {
        lost = hear;
        worker.onEnd?.(hear);
      },
    };
  });
  await compiler.call('compile', 'class A { private readonly x = 1; get y() { return this.x } }');
  await compiler.call('commit');
  const asked = compiler.call('compile', 'new A().y.toFixed()');
  end?.();
  expect((await asked).ok).toBe(true);
  expect((await compiler.call('compile', 'new A().x')).ok).toBe(false);
  compiler.stop();
});

test('where the packages cannot be written to, the bundle is kept at home, or not at all', async () => {
  rmSync(cache, { recursive: true });
  writeFileSync(cache, '');
  expect(dirname(await made())).toBe(join(home, 'implicit-kernel'));
  rmSync(home, { recursive: true });
  writeFileSync(home, '');
  expect(await made()).toBe('undefined');
  rmSync(home);
  rmSync(cache);
});
