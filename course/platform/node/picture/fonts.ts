import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DataError } from 'implicit-lab';

/**
 * The fonts of every picture: Inter, and DejaVu Sans for the mathematical signs Inter lacks (∇, ∈).
 *
 * They come from packages, never from the system: a bare machine has none, and a picture should
 * not depend on where it was made.
 */
const PACKAGED = [
  '@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf',
  '@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf',
  'dejavu-fonts-ttf/ttf/DejaVuSans.ttf',
];

/** The family that pictures are set in, and the one that has the signs it lacks. */
export const FAMILY = 'Inter';
export const SIGNS_FAMILY = 'DejaVu Sans';

/** Height above and depth below the base line, in units of the font size. */
export const ASCENT = 0.97;
export const DESCENT = 0.24;

const BOLD_FROM = 550;

interface Metrics {
  unitsPerEm: number;
  glyphOf: Map<number, number>;
  advances: Uint16Array;
}

let files: string[] | undefined;
const metrics = new Map<string, Metrics>();

/**
 * Where the font files are.
 *
 * @throws DataError if their packages are not installed
 */
export function fontFiles(): string[] {
  files ??= PACKAGED.map((name) => {
    try {
      return createRequire(__filename).resolve(name);
    } catch {
      throw new DataError({
        given: `an installation without ${name}`,
        expected: 'the font packages that pictures are set in',
        remedy: 'Run `npm ci`.',
      });
    }
  });
  return files;
}

/** The width of a line of text in pixels, from the fonts' own advance widths. */
export function textWidth(text: string, size: number, weight: number): number {
  const [regular, bold, signs] = fontFiles() as [string, string, string];
  const main = metricsOf(weight >= BOLD_FROM ? bold : regular);
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    width += advance(main, code) ?? advance(metricsOf(signs), code) ?? 1;
  }
  return width * size;
}

/** `text` cut where the main font begins or ends to lack the characters. */
export function signRuns(text: string): { run: string; signs: boolean }[] {
  const { glyphOf } = metricsOf(fontFiles()[0]!);
  const runs: { run: string; signs: boolean }[] = [];
  for (const character of text) {
    const signs = !glyphOf.has(character.codePointAt(0)!);
    const last = runs.at(-1);
    if (last?.signs === signs) last.run += character;
    else runs.push({ run: character, signs });
  }
  return runs;
}

function advance({ unitsPerEm, glyphOf, advances }: Metrics, code: number): number | undefined {
  const glyph = glyphOf.get(code);
  if (glyph === undefined) return undefined;
  return advances[Math.min(glyph, advances.length - 1)]! / unitsPerEm;
}

function metricsOf(file: string): Metrics {
  let found = metrics.get(file);
  if (!found) {
    found = parse(readFileSync(file));
    metrics.set(file, found);
  }
  return found;
}

/** The tables `head`, `hhea`, `hmtx` and `cmap` of a TrueType file (OpenType 1.9, "Font tables"). */
function parse(font: Buffer): Metrics {
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const record = 12 + 16 * i;
    tables.set(font.toString('latin1', record, record + 4), font.readUInt32BE(record + 8));
  }
  const at = (table: string, offset: number) => font.readUInt16BE(tables.get(table)! + offset);
  const count = at('hhea', 34);
  return {
    unitsPerEm: at('head', 18),
    advances: Uint16Array.from({ length: count }, (_, i) => at('hmtx', 4 * i)),
    glyphOf: characterMap(font, tables.get('cmap')!),
  };
}

/** The characters of the basic plane, from a `cmap` subtable of format 4. */
function characterMap(font: Buffer, cmap: number): Map<number, number> {
  const glyphOf = new Map<number, number>();
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i++) {
    const table = cmap + font.readUInt32BE(cmap + 8 + 8 * i);
    if (font.readUInt16BE(table) !== 4) continue;
    const bytes = font.readUInt16BE(table + 6);
    const ends = table + 14;
    const starts = ends + bytes + 2;
    for (let at = 0; at < bytes; at += 2) {
      const delta = font.readUInt16BE(starts + bytes + at);
      const rangeAt = starts + 2 * bytes + at;
      const range = font.readUInt16BE(rangeAt);
      const start = font.readUInt16BE(starts + at);
      for (let code = start; code <= font.readUInt16BE(ends + at) && code < 0xffff; code++) {
        const glyph = range === 0 ? code : font.readUInt16BE(rangeAt + range + 2 * (code - start));
        if (glyph !== 0) glyphOf.set(code, (glyph + delta) & 0xffff);
      }
    }
  }
  return glyphOf;
}
