import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from 'implicit-lab';
import { afterAll, describe, expect, it } from 'vitest';
import { ionosphere } from './ionosphere';

describe('ionosphere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ionosphere-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (text: string) => {
    const file = join(folder, 'rows.csv');
    writeFileSync(file, text);
    return file;
  };

  it('has the counts, the features and the labels that its authors describe', () => {
    const { x, y, count } = ionosphere();
    expect([count, x.length, y.length]).toEqual([351, 351, 351]);
    expect(y.filter((label) => label === 1)).toHaveLength(225);
    expect(y.filter((label) => label === -1)).toHaveLength(126);
    expect(x.every((row) => row.length === 34)).toBe(true);
    expect(x.every(([first, second]) => (first === 0 || first === 1) && second === 0)).toBe(true);
    // The first row, as UCI prints it, and two sums over all.
    expect([...x[0]!.slice(0, 5)]).toEqual([1, 0, 0.99539, -0.05889, 0.85243]);
    expect(y[0]).toBe(1);
    const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
    expect(sum(x.map(([first]) => first!))).toBe(313);
    expect(Math.max(...x.flatMap((row) => [...row]))).toBe(1);
    expect(Math.min(...x.flatMap((row) => [...row]))).toBe(-1);
  });

  const good = `1,0,${Array(32).fill('0.5').join(',')},g`;
  it.each([
    ['', /line 1/],
    [good.replace(',g', ''), /34 numbers/],
    [good.replace(',g', ',x'), /g or b/],
    [good.replace('0.5', '1.5'), /from −1 to 1/],
    [good.replace('0.5', ''), /from −1 to 1/],
    [good.replace('0.5', 'NaN'), /from −1 to 1/],
    [`${good}\n${good},g`, /line 2/],
  ])('refuses %j', (text, message) => {
    const file = write(text);
    expect(() => ionosphere({ file })).toThrow(DataError);
    expect(() => ionosphere({ file })).toThrow(message);
  });

  it('reads another file of the same form, whatever its line ends', () => {
    const { x, y } = ionosphere({ file: write(`${good}\r\n${good.replace(',g', ',b')}\r\n`) });
    expect([...y]).toEqual([1, -1]);
    expect(x[1]![2]).toBe(0.5);
  });

  it('says where it looked for a file that is missing', () => {
    const file = join(folder, 'nowhere.csv');
    expect(() => ionosphere({ file })).toThrow(DataError);
    expect(() => ionosphere({ file })).toThrow(/nowhere\.csv/);
  });
});
