import { InputError } from 'implicit-lab';
import { JSDOM } from 'jsdom';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { table, tableBundle } from './table';

const rows = [
  { method: 'SGD', loss: 0.3125, steps: 60_000, time: 12.5 },
  { method: 'implicit SGD', loss: 0.0871, steps: 300, time: undefined },
  { method: 'explicit, δ = 10', loss: Number.NaN, steps: 12, time: 101.25 },
];
const options = {
  caption: 'One epoch.',
  columns: { time: { title: 'duration', unit: 's', digits: 3 } },
};

const text = (...input: Parameters<typeof tableBundle>) => tableBundle(...input).data['text/plain'];
function page(...input: Parameters<typeof tableBundle>): Document {
  return new JSDOM(tableBundle(...input).data['text/html'] as string).window.document;
}

describe('table', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('prints its text where there is no notebook', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    table(rows, options);
    expect(log).toHaveBeenCalledExactlyOnceWith(text(rows, options));
  });

  it('aligns words at the left and numbers at the point, with units in the headings', () => {
    expect(text(rows, options)).toBe(
      [
        'One epoch.',
        '',
        'method               loss   steps  duration (s)',
        '───────────────────────────────────────────────',
        'SGD               0.3125   60,000          12.5',
        'implicit SGD      0.08710     300             –',
        'explicit, δ = 10      NaN      12         101',
      ].join('\n'),
    );
  });

  it('says the same in HTML', () => {
    const document = page(rows, options);
    expect(document.querySelector('caption')!.textContent).toBe('One epoch.');
    const heads = Array.from(document.querySelectorAll('th'), (cell) => cell.textContent);
    expect(heads).toEqual(['method', 'loss', 'steps', 'duration (s)']);
    const second = Array.from(document.querySelectorAll('tbody tr:nth-child(2) td'));
    expect(second.map((cell) => cell.textContent!.trim())).toEqual([
      'implicit SGD',
      '0.08710',
      '300',
      '–',
    ]);
    const aligned = second.map((cell) => (cell as HTMLElement).style.textAlign);
    expect(aligned).toEqual(['left', 'right', 'right', 'right']);
  });

  it('pads the shorter decimals of HTML with spaces as wide as digits', () => {
    const cells = page([{ a: 12.5 }, { a: 0.3125 }]).querySelectorAll('td');
    expect(cells[0]!.textContent).toBe('12.50\u2007\u2007');
    expect(cells[1]!.textContent).toBe('0.3125');
  });

  it('does not align points with those of powers of ten', () => {
    const lines = text([{ a: 12.5 }, { a: 3.001e-7 }]).split('\n');
    expect(lines.slice(2)).toEqual(['    12.50', '3.001×10⁻⁷'].map((line) => line.padStart(10)));
  });

  it('shows the label of a row first, also where the other fields are numbers', () => {
    const lines = text([{ method: 'SGD', 10: 0.5, 100: 0.25 }]).split('\n');
    expect(lines[0]!.trim().split(/\s+/)).toEqual(['method', '10', '100']);
  });

  it('shows a field that some rows lack, in the order of first appearance', () => {
    const lines = text([{ b: 1 }, { a: 'x', b: 2 }]).split('\n');
    expect(lines[0]).toBe('b  a');
    expect(lines[2]).toBe('1  –');
  });

  it('lets a column write its values itself', () => {
    const columns = { ratio: { format: (value: unknown) => `${100 * (value as number)} %` } };
    expect(text([{ ratio: 0.5 }], { columns })).toContain('50 %');
  });

  it('keeps markup in data harmless', () => {
    const document = page([{ '<b>': '<img src=x onerror="alert(1)">' }], { caption: '<i>' });
    expect(document.querySelector('img, i, b')).toBeNull();
    expect(document.querySelector('td')!.textContent).toContain('<img');
  });

  it('refuses nothing to show and options for unknown columns', () => {
    expect(() => tableBundle([])).toThrow(InputError);
    expect(() => tableBundle([{}])).toThrow(InputError);
    expect(() => tableBundle(rows, { columns: { tiem: {} } })).toThrow(/'tiem'/);
  });
});
