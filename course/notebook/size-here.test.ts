import { afterEach, beforeEach, expect, it } from 'vitest';
import { sizeHere } from './size-here';

const DISPLAY = Symbol.for('implicit-kernel.display');
const host = globalThis as Record<symbol, unknown>;
let shown: { data: Record<string, string> }[];

beforeEach(() => {
  shown = [];
  host[DISPLAY] = (bundle: { data: Record<string, string> }) => void shown.push(bundle);
});
afterEach(() => {
  delete host[DISPLAY];
  delete process.env.IMPLICIT_LAB_SIZE;
});

it('is the usual size under Node.js, and says nothing', () => {
  expect(sizeHere([1, 2, 3], [1], 'one seed')).toEqual([1, 2, 3]);
  expect(shown).toEqual([]);
});

it("is a page's where that is asked for, and is told", () => {
  process.env.IMPLICIT_LAB_SIZE = 'page';
  expect(sizeHere(3, 1, 'a < b')).toBe(1);
  expect(shown.map(({ data }) => data)).toEqual([
    {
      'text/plain':
        'In a page, this lesson takes a < b, so that no cell takes minutes. The installed course takes all.',
      'text/html':
        '<p><small>In a page, this lesson takes a &#60; b, so that no cell takes minutes. The installed course takes all.</small></p>',
    },
  ]);
});
