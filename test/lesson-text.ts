/** What a lesson's prose says in numbers, and what its cells print. */

/** One number as it is written, with the number of its decimals. */
export interface Written {
  text: string;
  value: number;
  decimals: number;
  isPercent: boolean;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/**
 * The numbers of a lesson's prose that a cell has to print: those with decimals, and whole ones
 * with a unit that is measured (%, ×, times, ms, s, min, kB, MB). Formulas, code, links, headings
 * and the numbers that a source is quoted with (`<!-- quoted: .154, 2.5 -->`) are left out.
 */
export function measuredNumbers(prose: string): Written[] {
  const quoted = [...prose.matchAll(/<!--\s*quoted:([^>]*)-->/g)].flatMap((match) =>
    match[1]!.split(',').map((text) => text.trim()),
  );
  const plain = prose
    .replace(/<!--[\s\S]*?-->/g, ' ')
    .replace(/```[\s\S]*?```/g, ' ')
    .replace(/\$\$[\s\S]*?\$\$/g, ' ')
    .replace(/\$[^$\n]*\$/g, ' ')
    .replace(/`[^`\n]*`/g, ' ')
    .replace(/\]\([^)]*\)/g, '] ')
    .replace(/https?:\S+/g, ' ')
    .replace(/arXiv[: ]*\d+\.\d+/gi, ' ')
    .replace(/^#.*$/gm, ' ')
    .replace(/§\s*[\d.]+|(?:section|chapter|theorem|figure|equation)s?\s+[\d.]+/gi, ' ');
  const pattern =
    /(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d*\.\d+|\d+)(?:\s*[×·]\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?:\s?(%|×(?!\s*\d)|times\b|ms\b|s\b|min\b|kB\b|MB\b))?(?![\w])/g;
  return [...plain.matchAll(pattern)]
    .filter(([, digits, power, unit]) => digits!.includes('.') || power || unit)
    .map(([text, digits, power, unit]) => ({
      text: text.trim(),
      ...numberOf(digits!, power),
      isPercent: unit === '%',
    }))
    .filter(({ text }) => !quoted.includes(text) && !quoted.includes(text.replace(/\s.*$/, '')));
}

function numberOf(digits: string, power?: string): { value: number; decimals: number } {
  const plain = digits.replaceAll(',', '');
  const exponent = power ? exponentOf(power) : 0;
  const decimals = (plain.split('.')[1] ?? '').length - exponent;
  return { value: Number(plain) * 10 ** exponent, decimals };
}

function exponentOf(power: string): number {
  const digits = [...power.replace('⁻', '')].map((sign) => SUPERSCRIPTS.indexOf(sign)).join('');
  return Number(digits) * (power.startsWith('⁻') ? -1 : 1);
}

/** Every number in what cells hold and print. */
export function printedNumbers(text: string): number[] {
  const pattern =
    /(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)(?:e([+-]?\d+)|\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/g;
  return [...text.matchAll(pattern)].map(([, digits, scientific, power]) => {
    const exponent = scientific ? Number(scientific) : power ? exponentOf(power) : 0;
    return Number(digits!.replaceAll(',', '')) * 10 ** exponent;
  });
}

/** What may stand behind a number of the prose. */
export interface Support {
  /** What cells print, and the numbers of claims: the prose may round them. */
  printed: string;
  /** The code of cells, and the sentences of claims: the prose repeats these as they are. */
  written: string;
}

/** The numbers of the prose behind which nothing stands, to the decimals that the prose gives. */
export function unsupported(prose: string, { printed, written }: Support): string[] {
  const [rounded, exact] = [printedNumbers(printed), printedNumbers(written)];
  const near = (value: number, decimals: number) =>
    rounded.some((number) => Math.abs(number - value) <= 0.5001 * 10 ** -decimals) ||
    exact.some((number) => Math.abs(number - value) <= 1e-9 * Math.abs(value));
  return measuredNumbers(prose)
    .filter(
      ({ value, decimals, isPercent }) =>
        !near(value, decimals) && !(isPercent && near(value / 100, decimals + 2)),
    )
    .map(({ text }) => text);
}

const COUNTS =
  'two|three|four|five|six|seven|eight|nine|ten|eleven|a dozen|twelve|fifteen|twenty|thirty|forty|fifty|sixty|a hundred|a thousand|ten thousand|a million';
const PARTS =
  'half|third|quarter|fifth|sixth|seventh|eighth|tenth|twentieth|thirtieth|fiftieth|hundredth|thousandth';

/**
 * The sizes that prose gives in words and no claim has in its sentence: “twenty times”, “a factor of
 * thirty”, “a tenth”.
 */
export function unclaimedSizes(prose: string, sentences: readonly string[]): string[] {
  const pattern = new RegExp(
    `\\b(?:factors? of (?:${COUNTS})|(?:${COUNTS}) times|(?:${COUNTS})fold|(?:a|one|two|three) (?:${PARTS})s?)\\b`,
    'gi',
  );
  const claimed = sentences.join('\n').toLowerCase();
  return [...prose.matchAll(pattern)]
    .map(([text]) => text.toLowerCase())
    .filter((text) => !claimed.includes(text.replace(/^factors? of | times$|fold$/, '')));
}
