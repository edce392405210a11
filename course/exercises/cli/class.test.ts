import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { chromiumPath, needs, PATIENCE_MS } from '../../../test/needs';
import { stateOf, summarise, withoutNames } from './class';
import { classReport } from './class-report';
import type { Reported } from './records';

const browser = needs('browser');

const verdict = (submission: string, exercise: string, more: Partial<Reported> = {}): Reported => ({
  submission,
  file: `${submission}/${exercise}.ipynb`,
  exercise,
  passed: more.status === 'right',
  status: 'right',
  title: 'right',
  explanation: '',
  evidence: [],
  remarks: [],
  seconds: 1.5,
  ...more,
});

const factor = {
  status: 'mistake' as const,
  mistake: 'the factor α in front',
  title: 'the factor α in front',
  explanation: 'The sum is not multiplied by $\\alpha$. See `alpha`.',
  evidence: [{ probe: 'tall', entry: 'entry [0]', yours: 2, right: 0.25 }],
};
const threw = {
  status: 'threw' as const,
  title: 'your function threw',
  explanation: 'On the tall probe: `Error: I am <b>Zoë</b>`.',
};

const verdicts = [
  verdict('Zoë', 'neumann-01', threw),
  verdict('Zoë', 'ift-01', { status: 'to-do', title: 'still to do' }),
  verdict('anouk', 'neumann-01', factor),
  verdict('anouk', 'ift-01', { status: 'right' }),
  verdict('bob', 'neumann-01', factor),
  // Handed in twice: the best counts.
  verdict('bob', 'ift-01', { ...factor, mistake: 'another', title: 'another' }),
  verdict('bob', 'ift-01', { status: 'right' }),
  verdict('=cem', 'ift-01', { status: 'right' }),
  verdict('dora <script>', 'own-01', { status: 'right' }),
];
const problems = [{ file: 'elifx/x.ipynb', message: 'it is not a notebook: "Elifx"' }];
const order = ['ift-01', 'neumann-01'];

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'report-'));
  file = join(folder, 'verdicts.json');
  writeFileSync(file, JSON.stringify({ version: 1, results: verdicts, problems, summary: {} }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function printed(form: 'csv' | 'json', anonymous = false): Promise<string> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    text += piece;
    return true;
  });
  expect(await classReport({ files: [file], anonymous, form, out: undefined })).toBe(0);
  vi.restoreAllMocks();
  return text;
}

async function page(anonymous = false): Promise<string> {
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const out = join(folder, 'report.html');
  await classReport({ files: [file], anonymous, form: 'page', out });
  return readFileSync(out, 'utf8');
}

it('counts who is how far, the best of several notebooks, and mistakes by how many made them', () => {
  const { students, exercises, mistakes } = summarise(verdicts, problems, order);
  expect(students.map(({ name, right, tried }) => [name, right, tried])).toEqual([
    ['=cem', 1, 1],
    ['Zoë', 0, 1],
    ['anouk', 1, 2],
    ['bob', 1, 2],
    ['dora <script>', 1, 1],
  ]);
  expect(exercises).toEqual([
    { id: 'ift-01', right: 3, wrong: 0, toDo: 1, none: 1 },
    { id: 'neumann-01', right: 0, wrong: 3, toDo: 0, none: 2 },
    { id: 'own-01', right: 1, wrong: 0, toDo: 0, none: 4 },
  ]);
  expect(mistakes.map(({ name, students }) => [name, students])).toEqual([
    ['the factor α in front', ['anouk', 'bob']],
    ['your function threw', ['Zoë']],
  ]);
  expect(stateOf(undefined)).toBe('none');
});

it('replaces names, everywhere, in an order that tells nothing of them', async () => {
  const hidden = withoutNames(summarise(verdicts, problems, order), () => [3, 0, 4, 1, 2]);
  expect(hidden.students.map(({ name, right }) => [name, right])).toEqual([
    ['student 1', 0],
    ['student 2', 1],
    ['student 3', 1],
    ['student 4', 1],
    ['student 5', 1],
  ]);
  expect(hidden.mistakes[0]!.students).toEqual(['student 5', 'student 2']);
  for (const text of [await page(true), await printed('csv', true), await printed('json', true)]) {
    expect(text).not.toMatch(/Zoë|anouk|bob|cem\b|dora|elifx/i);
    expect(text).toContain('student 5');
  }
});

it('is a table in CSV, where a name is not a formula, and a document in JSON', async () => {
  const rows = (await printed('csv')).split('\r\n');
  expect(rows[0]).toBe('submission,exercise,state,status,mistake,title,seconds');
  expect(rows[1]).toBe("'=cem,ift-01,right,right,,right,1.5");
  expect(rows).toContain(
    'anouk,neumann-01,wrong,mistake,the factor α in front,the factor α in front,1.5',
  );
  expect(rows).toHaveLength(1 + 5 * 3 + 1);
  const document = JSON.parse(await printed('json'));
  expect(document.students[2]).toEqual({
    name: 'anouk',
    right: 1,
    tried: 2,
    exercises: { 'ift-01': 'right', 'neumann-01': 'wrong', 'own-01': 'none' },
  });
  expect(document.mistakes[0]).toMatchObject({
    exercise: 'neumann-01',
    students: ['anouk', 'bob'],
  });
});

it('says what it was given instead of verdicts', async () => {
  const other = join(folder, 'other.json');
  writeFileSync(other, '{"version": 7}');
  const options = { anonymous: false, form: 'json' as const, out: undefined };
  await expect(classReport({ files: [], ...options })).rejects.toThrow('takes a file of verdicts');
  await expect(classReport({ files: [other], ...options })).rejects.toThrow(
    'is not a file of records',
  );
  await expect(classReport({ files: ['gone'], ...options })).rejects.toThrow('gone is not there');
});

describe.skipIf(!browser.available)('in a browser', () => {
  it('asks no host, runs nothing, and shows names as they are', async () => {
    await page();
    const chrome = await chromium.launch({
      executablePath: chromiumPath()!,
      args: ['--no-sandbox'],
      timeout: PATIENCE_MS,
    });
    try {
      const tab = await chrome.newPage({ viewport: { width: 900, height: 1200 } });
      tab.setDefaultTimeout(PATIENCE_MS);
      const requests: string[] = [];
      tab.on('request', (request) => requests.push(request.url()));
      await tab.goto(`file://${join(folder, 'report.html')}`);
      expect(requests).toEqual([`file://${join(folder, 'report.html')}`]);
      const text = await tab.innerText('body');
      expect(text).toContain('dora <script>');
      expect(text).toContain('I am <b>Zoë</b>');
      expect(text).toContain('The sum is not multiplied by α.');
      expect(await tab.locator('script').count()).toBe(0);
      expect(await tab.locator('.matrix td.wrong').count()).toBe(3);
      // Nothing sticks out of the page.
      const width = await tab.evaluate('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(900);
      if (process.env.PICTURE) await tab.screenshot({ path: process.env.PICTURE, fullPage: true });
    } finally {
      await chrome.close();
    }
  });
});
