const DIGITS = 4;
const SUPERSCRIPTS: Record<string, string> = { '-': '⁻' };
[...'⁰¹²³⁴⁵⁶⁷⁸⁹'].forEach((sign, digit) => {
  SUPERSCRIPTS[digit] = sign;
});

/** A number that is exact with so few digits was chosen, not measured: zeros behind it mean nothing. */
const DIGITS_OF_A_CHOICE = 2;

/**
 * A number for reading: `digits` significant digits (4 unless given), thousands apart, powers of
 * ten where a number is very large or small. Whole numbers below 10⁶ keep all their digits, and
 * numbers such as .001 and .25, which are exact with two, get no zeros behind them.
 */
export function formatNumber(value: number, most = DIGITS): string {
  if (Number.isNaN(value)) return 'NaN';
  const sign = value < 0 ? '−' : '';
  const size = Math.abs(value);
  if (size === Number.POSITIVE_INFINITY) return `${sign}∞`;
  if (Number.isInteger(value) && size < 1e6) return sign + size.toLocaleString('en');
  const needed = significantDigits(size);
  const digits = needed <= DIGITS_OF_A_CHOICE ? Math.min(most, needed) : most;
  const [mantissa, exponent] = size.toExponential(digits - 1).split('e') as [string, string];
  const power = Number(exponent);
  if (power >= 6 || power < -4) return `${sign}${mantissa}×10${superscript(power)}`;
  const fraction = Math.max(0, digits - 1 - power);
  const fixed = { minimumFractionDigits: fraction, maximumFractionDigits: fraction };
  return sign + size.toLocaleString('en', fixed);
}

/** As JavaScript writes large and small numbers: `1.5e+2`, `3e-7`, `0.0000068`. */
const IN_CODE = /(?<![\w.])[-−]?(?:\d+(?:\.\d+)?e[-+]?\d+|0\.0000\d+)(?!\w)/g;

/** A text in which numbers that are written as in code are written for reading: `3×10⁻⁷`. */
export function readableNumbers(text: string): string {
  return text.replace(IN_CODE, (number) => {
    const digits = number.replace(/e.*$/, '').replace(/^[-−]?0\.0+|\D/g, '').length;
    return formatNumber(Number(number.replace('−', '-')), digits);
  });
}

/** How many digits the shortest way to write a number has. */
function significantDigits(size: number): number {
  return size.toExponential().replace(/e.*$/, '').replace('.', '').length;
}

/** Seconds for reading: `0.4 s`, `12 s`, `1 min 05 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pair = (number: number) => String(number).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pair(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pair(Math.floor((whole % 3600) / 60))} min`;
}

/** Spaces behind each number make up for the decimals that others have more; not next to powers. */
export function alignedAtPoint(cells: string[]): string[] {
  if (cells.some((cell) => cell.includes('×'))) return cells;
  const decimals = (cell: string) => (cell.includes('.') ? cell.length - cell.indexOf('.') : 0);
  const most = Math.max(...cells.map(decimals));
  return cells.map((cell) => (/\d/.test(cell) ? cell + ' '.repeat(most - decimals(cell)) : cell));
}

function superscript(power: number): string {
  return [...String(power)].map((character) => SUPERSCRIPTS[character]).join('');
}
