import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { growth, liveBytes } from '../live';
import { asynchronous } from './attacks-testing';
import { NO_FACTOR, RIGHT, TestClass } from './class-testing';
import { Records } from './records';

const time = needs('time');

let students: TestClass;
let scratch: string;

beforeAll(() => {
  students = new TestClass();
  scratch = mkdtempSync(join(tmpdir(), 'records-'));
});

afterAll(() => {
  students.close();
  rmSync(scratch, { recursive: true, force: true });
});

const reported = (exercise: string) => ({
  exercise,
  passed: false,
  status: 'mistake' as const,
  title: 'one term too many',
  explanation: 'x'.repeat(2000),
  evidence: [{ probe: 'tall', entry: 'entry [0]', yours: Number.NaN, right: 1 }],
  remarks: [],
  seconds: 1,
  file: 'alice.ipynb',
});

it('keeps verdicts on disk: tens of thousands take no memory, and are all found again', () => {
  const records = new Records(join(scratch, 'many.jsonl'));
  const before = liveBytes()!;
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    const file = `student ${i % 4000}.ipynb`;
    if (i < 4000) records.add({ type: 'list', file, stamp: 's', ids: ['ift-01'] });
    records.add({
      type: 'verdict',
      file,
      stamp: 's',
      verdict: reported(`e-${Math.floor(i / 4000)}`),
    });
  }
  // The verdicts alone are more than 40 MB.
  expect(growth(before, liveBytes()!)).toBeLessThan(12e6);
  records.close();

  const again = new Records(join(scratch, 'many.jsonl'));
  const found = [...again.lines()].filter(({ type }) => type === 'verdict');
  expect(found).toHaveLength(count);
  expect(again.find('student 7.ipynb', 's', 'e-2')).toMatchObject({
    verdict: { evidence: [{ yours: 'NaN' }] },
  });
  again.close();
});

it('forgets what was found in a notebook that has changed, and a line that was cut off', () => {
  const path = join(scratch, 'torn.jsonl');
  const records = new Records(path);
  records.add({ type: 'list', file: 'a.ipynb', stamp: '1', ids: ['ift-01'] });
  records.add({ type: 'verdict', file: 'a.ipynb', stamp: '1', verdict: reported('ift-01') });
  records.add({ type: 'list', file: 'a.ipynb', stamp: '2', ids: ['ift-01'] });
  records.close();
  appendFileSync(path, '{"type":"verdict","file":"a.ip');
  const again = new Records(path);
  expect(again.find('a.ipynb', '2', 'ift-01')).toBeUndefined();
  expect([...again.lines()].map(({ type }) => type)).toEqual(['list']);
  again.add({ type: 'verdict', file: 'a.ipynb', stamp: '2', verdict: reported('ift-01') });
  expect([...again.lines()].map(({ type }) => type)).toEqual(['list', 'verdict']);
  again.close();
  expect(
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .every((line) => JSON.parse(line)),
  ).toBe(true);
});

it.skipIf(!time.available)(
  'goes on where a run was cut off, and gives parts that merge to the whole',
  async () => {
    const isCut = join(scratch, 'cut');
    // The run is cut off while one waits for that.
    const waiting = `
      const { existsSync } = await import('node:fs');
      while (!existsSync(${JSON.stringify(isCut)})) await new Promise((resolve) => setTimeout(resolve, 20));
      ${RIGHT}`;
    const answers = { ann: RIGHT, bob: NO_FACTOR, dora: 'return todo();' };
    for (const [name, code] of Object.entries(answers)) {
      students.submit(name, students.notebook(code));
    }
    students.submit('cem', asynchronous(students.notebook(waiting)));
    const check = ['check', '--all', '--dir', students.folder, '--seconds', '900'];
    const records = join(scratch, 'run.jsonl');

    const cut = await students.command([...check, '--jobs', '1', '--records', records], {
      until: 'bob:',
    });
    expect(cut.status).toBeNull();
    writeFileSync(isCut, '');
    const rest = await students.command([...check, '--jobs', '1', '--records', records]);
    expect(rest.stdout).not.toMatch(/ann:|bob:/);
    expect(rest.stdout).toMatch(/cem: .*\ndora: .*\n2 of 4 right\./);
    const whole = await students.command([...check, '--json', '--records', records]);
    expect(JSON.parse(whole.stdout).summary).toEqual({ submissions: 4, checked: 4, passed: 2 });

    const parts = [1, 2].map((k) => join(scratch, `part-${k}.jsonl`));
    for (const [i, part] of parts.entries()) {
      await students.command([...check, '--shard', `${i + 1}/2`, '--records', part, '--jobs', '2']);
    }
    expect(parts.every((part) => existsSync(part))).toBe(true);
    const merged = await students.command(['merge', ...parts]);
    expect(merged).toMatchObject({ status: 0, stderr: '' });
    const plain = (text: string) =>
      JSON.parse(text).results.map(({ seconds: _, ...result }: { seconds: number }) => result);
    expect(plain(merged.stdout)).toEqual(plain(whole.stdout));
    // A document is as good as records.
    const document = await students.command(['merge', records]);
    expect(plain(document.stdout)).toEqual(plain(whole.stdout));

    expect((await students.command([...check, '--shard', '3/2'])).stderr).toContain(
      'K from 1 to N',
    );
    expect((await students.command(['merge', join(students.folder, 'nothing')])).status).toBe(2);
  },
);
