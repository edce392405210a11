import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const run = join(__dirname, '..', 'setup', 'run.mjs');

/** What `run` returns for a program, if it shows progress `until` then. */
function runWithSilence(program: string, until: number) {
  const script = `
    import { run } from ${JSON.stringify(run)};
    const began = Date.now();
    const { ok, reason } = await run(process.execPath, ['-e', ${JSON.stringify(program)}], {
      silence: { seconds: 1.5, lastSign: () => Math.min(Date.now(), began + ${until}) },
    });
    console.log(JSON.stringify({ ok, reason }));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

test('a program that makes no progress is ended', () => {
  expect(runWithSilence('setInterval(() => {}, 1000)', 0)).toEqual({
    ok: false,
    reason: 'stopped after 1.5 s without progress',
  });
});

test('a slow one that makes progress is not', () => {
  expect(runWithSilence('setTimeout(() => {}, 3000)', 600_000)).toEqual({ ok: true, reason: '' });
});
