/** Lines around the one in question that a code frame shows. */
const CONTEXT_LINES = 2;

/** Of a line, which may be a whole file. */
const MOST_CHARACTERS = 500;

/** The lines around a zero-based position, numbered, with the place marked below. */
export function codeFrame(source: string, line: number, column: number, length: number): string[] {
  const lines = source.split('\n').map((text) => text.replace(/\r$/, ''));
  const from = Math.max(0, line - CONTEXT_LINES);
  const to = Math.min(lines.length, line + CONTEXT_LINES + 1);
  const width = String(to).length;
  // Of long lines, the part around the place.
  const skipped = column < MOST_CHARACTERS ? 0 : column - MOST_CHARACTERS / 2;
  return lines.slice(from, to).flatMap((text, index) => {
    const number = from + index;
    const marker = number === line ? '>' : ' ';
    const part = text.slice(skipped, skipped + MOST_CHARACTERS);
    const shown = `${marker} ${String(number + 1).padStart(width)} | ${part}`;
    if (number !== line) return [shown];
    const marks = '^'.repeat(Math.max(1, Math.min(length, MOST_CHARACTERS)));
    return [shown, `${' '.repeat(width + 2)} | ${' '.repeat(column - skipped)}${marks}`];
  });
}
