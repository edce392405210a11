import { describe, expect, it } from 'vitest';
import { type Same, testTwoHomes } from '../../test/two-homes';

describe('the two homes of the course', () => {
  const modules = testTwoHomes(__dirname);

  it('have functions of the same types', () => {
    // The compiler compares them: what is not assignable fails `npm run check`.
    const checked: [
      Same<typeof import('./node/clock'), typeof import('./browser/clock')>,
      Same<typeof import('./node/course'), typeof import('./browser/course')>,
      Same<typeof import('./node/data'), typeof import('./browser/data')>,
      Same<typeof import('./node/display'), typeof import('./browser/display')>,
      Same<typeof import('./node/environment'), typeof import('./browser/environment')>,
      Same<typeof import('./node/files'), typeof import('./browser/files')>,
      Same<typeof import('./node/memory'), typeof import('./browser/memory')>,
      Same<typeof import('./node/plotly'), typeof import('./browser/plotly')>,
      Same<typeof import('./node/stock'), typeof import('./browser/stock')>,
      Same<typeof import('./node/storage'), typeof import('./browser/storage')>,
      Same<typeof import('./node/terminal'), typeof import('./browser/terminal')>,
    ] = Array(11).fill(true) as never;
    expect(checked).toHaveLength(11);
    // The picture's `Plot` is an element of jsdom in Node.js alone.
    expect(modules).toHaveLength(checked.length + 1);
  });
});
