import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { check } from '../check';
import { readJournal, standings } from '../journal';
import { lessons } from '../lessons';
import { progressMap } from '../progress-map';
import { blockRadius } from './05';
import { judgeAnswer } from './answer';
import { loadQuestion, questionIds } from './catalogue';
import { CLOSE_ENOUGH, letterOf, type Question, rightLetter } from './question';
import { questionHtml, questionText } from './show';

const all: Question[] = await Promise.all(questionIds().map(loadQuestion));
const rightAnswer = (question: Question) =>
  question.kind === 'number' ? question.answer() : rightLetter(question);
const textsOf = (question: Question) => [
  question.text,
  question.explanation,
  ...(question.kind === 'choice'
    ? question.options.flatMap(({ text, diagnosis = '' }) => [text, diagnosis])
    : question.mistakes.map(({ diagnosis }) => diagnosis)),
];

it('are two for each lesson', () => {
  expect(all).toHaveLength(2 * lessons().length);
  expect(all.map(({ id }) => id)).toEqual(questionIds());
});

describe.each(all)('$id', (question) => {
  it('takes its answer for right, and gives every known mistake its own diagnosis', async () => {
    expect(await judgeAnswer(question, rightAnswer(question))).toMatchObject({ status: 'right' });
    if (question.kind === 'choice') {
      expect(question.options.filter(({ diagnosis }) => !diagnosis)).toHaveLength(1);
      for (const [index, { diagnosis, text }] of question.options.entries()) {
        const found = await judgeAnswer(question, letterOf(index));
        if (diagnosis) expect(found).toMatchObject({ status: 'mistake', explanation: diagnosis });
        expect(await judgeAnswer(question, text)).toEqual(found);
      }
      return;
    }
    const { tolerance = CLOSE_ENOUGH, mistakes } = question;
    const values = [question.answer(), ...mistakes.map(({ value }) => value())];
    for (const [i, a] of values.entries()) {
      for (const b of values.slice(i + 1)) {
        if (!Number.isFinite(a - b)) continue;
        expect(Math.abs(a - b)).toBeGreaterThan(2 * tolerance * Math.max(Math.abs(a), Math.abs(b)));
      }
    }
    for (const { value, diagnosis } of mistakes) {
      const found = await judgeAnswer(question, value());
      expect(found).toMatchObject({ status: 'mistake', explanation: diagnosis });
    }
  });

  it('shows its options, how to answer, and the solution folded', async () => {
    const asked = await judgeAnswer(question, undefined);
    expect(asked.status).toBe('to-do');
    const [html, text] = [questionHtml(question, asked), questionText(question, asked)];
    expect(html).toContain(`check('${question.id}', `);
    expect(html).toMatch(/<details><summary[^>]*>[^<]+<\/summary>.+<\/details>/s);
    expect(html.slice(0, html.indexOf('<details>'))).not.toContain(question.explanation);
    expect(text).toContain(`check('${question.id}', `);
    const solved = await judgeAnswer(question, rightAnswer(question));
    expect(questionHtml(question, solved)).not.toContain('<details>');
    expect(questionText(question, solved)).toContain('✓ right');
  });

  it('has formulas that are closed and can be written on a line', () => {
    for (const text of textsOf(question)) {
      expect(text.split('$').length % 2, text).toBe(1);
      expect(text).not.toContain('\t');
    }
    const text = questionText(question, { ...verdict, exercise: question.id });
    expect(text).not.toMatch(/\$|\\[a-z]/);
  });
});

const verdict = {
  exercise: '',
  passed: false,
  status: 'to-do' as const,
  title: '',
  explanation: '',
  evidence: [],
  remarks: [],
};

describe('answers come in many forms', () => {
  const number = all.find(({ id }) => id === '02-a')!;
  const choice = all.find(({ id }) => id === '01-b')!;

  it.each<[string, unknown]>([
    ['a number', 1 / 6],
    ['text', '0.1667'],
    ['a fraction', ' 1 / 6 '],
    ['a promise', Promise.resolve(1 / 6)],
    ['a list of one', [1 / 6]],
    ['a tensor', tf.scalar(1 / 6)],
  ])('%s', async (_, answer) => {
    expect(await judgeAnswer(number, answer)).toMatchObject({ status: 'right' });
  });

  it.each<[string, unknown]>([
    ['upper case', 'C'],
    ['with a bracket', ' c) '],
  ])('%s', async (_, answer) => {
    expect(await judgeAnswer(choice, answer)).toMatchObject({ status: 'right' });
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  it.each<[string, unknown]>([
    ['null', null],
    ['NaN', Number.NaN],
    ['an empty text', ''],
    ['a word', 'a few'],
    ['two numbers', [1, 2]],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a cycle', cyclic],
    [
      'something that cannot be looked at',
      new Proxy(
        {},
        {
          get() {
            throw new Error('hands off');
          },
        },
      ),
    ],
  ])('%s is neither right nor thrown', async (_, answer) => {
    for (const question of [number, choice]) {
      expect(await judgeAnswer(question, answer)).toMatchObject({ status: 'shape' });
    }
  });

  it('a promise that is rejected is neither', async () => {
    const found = await judgeAnswer(number, Promise.reject(new Error('no')));
    expect(found).toMatchObject({ status: 'shape' });
  });

  it('an unknown number is not explained by a mistake that was not made', async () => {
    const { status, explanation } = await judgeAnswer(number, 17);
    expect({ status, explanation }).toEqual({
      status: 'differs',
      explanation: 'No mistake that is known here leads to this number.',
    });
    expect((await judgeAnswer(number, -1 / 6)).explanation).toContain('the sign is not');
    expect((await judgeAnswer(number, 0)).status).toBe('differs');
    expect((await judgeAnswer(number, Number.POSITIVE_INFINITY)).status).toBe('differs');
  });
});

describe('check', () => {
  let folder: string;
  let shown: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'questions-'));
    vi.stubEnv('IMPLICIT_LAB_PROGRESS', join(folder, 'progress.jsonl'));
    shown = [];
    vi.spyOn(console, 'log').mockImplementation((words) => void shown.push(words));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  it('asks without an answer, and remembers nothing', async () => {
    expect(await check('04-a')).toMatchObject({ passed: false, status: 'to-do' });
    expect(shown[0]).toMatch(/^\? 04-a: /);
    expect(readJournal().entries).toEqual([]);
  });

  it('judges an answer, remembers it, and the map shows it', async () => {
    await check('04-a', 3);
    expect(await check('04-a', 4)).toMatchObject({ passed: true });
    expect(standings(readJournal().entries).get('04-a')).toMatchObject({ isDone: true, checks: 2 });
    shown = [];
    await progressMap();
    expect(shown[0]).toMatch(/^04 {2}.+\(✓ 04-a ○ 04-b\)$/m);
  });

  it('says where there is no such question', async () => {
    expect(await check('99-a', 1)).toMatchObject({ status: 'broken' });
    expect(shown[0]).toMatch(/There are 00-a to \d\d-b/);
    expect(readJournal().entries).toEqual([]);
  });
});

describe('the answers, come by in another way', () => {
  const answerOf = (id: string) => rightAnswer(all.find((question) => question.id === id)!);
  /** Where a function is least, on a fine grid of powers. */
  const leastAt = (f: (x: number) => number, from: number, to: number) => {
    const grid = Array.from({ length: 4001 }, (_, i) => from * (to / from) ** (i / 4000));
    return grid.reduce((best, x) => (f(x) < f(best) ? x : best));
  };

  it('00-a: the least sum of both errors', () => {
    expect(leastAt((e) => e ** 2 + 2.22e-16 / e, 1e-12, 1)).toBeCloseTo(
      Number(answerOf('00-a')),
      7,
    );
  });

  it('01-b, 02-a: one step of each rule', () => {
    expect((1 - 500) / (1 + 500)).toBeCloseTo(-0.996, 3);
    let w = 0;
    for (let k = 0; k < 200; k++) w -= 0.05 * (w - 1 + 0.05 * 100 * w); // w⁺ = 1 − δ s w⁺
    expect(w).toBeCloseTo(Number(answerOf('02-a')), 10);
  });

  it('05-b: with a coupling there is a largest stable rate, and it is smaller', () => {
    expect(blockRadius(1.1, 9)).toBeLessThan(1);
    expect(blockRadius(1.12, 9)).toBeGreaterThan(1);
    expect(blockRadius(20, 9)).toBeCloseTo(20, 0);
    expect(blockRadius(1.99, 0)).toBeLessThan(1);
    expect(blockRadius(2.01, 0)).toBeGreaterThan(1);
  });

  it('06-a, 08-a: differences', () => {
    const loss = (w: number) => 0.5 * w ** 20;
    const h = 1e-4;
    expect((loss(1 + h) - 2 * loss(1) + loss(1 - h)) / h ** 2).toBeCloseTo(190, 2);
    const outer = (lambda: number) => 0.5 * (2 / (1 + lambda)) ** 2;
    expect((outer(1 + h) - outer(1 - h)) / (2 * h)).toBeCloseTo(Number(answerOf('08-a')), 6);
  });

  it('09-a, 13-a, 14-a: counted', () => {
    let [rest, terms] = [1, 0];
    while (rest > 0.01) [rest, terms] = [rest * 0.99, terms + 1];
    expect(terms).toBe(Math.ceil(Number(answerOf('09-a'))));
    const sizes = Array.from({ length: 500 }, (_, t) => t * 0.99 ** (t - 1));
    expect(Math.abs(sizes.indexOf(Math.max(...sizes)) - Number(answerOf('13-a')))).toBeLessThan(1);
    const iterate = (lambda: number) => {
      let w = 0.3;
      for (let t = 0; t < 10; t++) w -= 0.1 * (w - lambda);
      return w;
    };
    expect(1 / (iterate(1) - iterate(0))).toBeCloseTo(Number(answerOf('14-a')), 10);
  });
});

it('the README says how a lesson embeds one', () => {
  expect(readFileSync(join(__dirname, '..', 'README.md'), 'utf8')).toContain("await check('04-a')");
});
