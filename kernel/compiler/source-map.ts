/** `lines[l]` holds `[column, sourceLine, sourceColumn]`, all zero-based, ordered by column. */
export type CellMap = [number, number, number][][];

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The map from the output of the second step to the source of the first. */
export function composeMaps(second: CellMap, first: CellMap): CellMap {
  return second.map((segments) =>
    segments.flatMap(([column, line, sourceColumn]): CellMap[number] => {
      const origin = lastUpTo(first[line] ?? [], sourceColumn);
      return origin ? [[column, origin[1], origin[2]]] : [];
    }),
  );
}

/** By halving: a line of data has tens of thousands of segments, and each asks for one. */
function lastUpTo(segments: CellMap[number], column: number): CellMap[number][number] | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]![0] <= column) low = middle + 1;
    else high = middle;
  }
  return segments[low - 1];
}

/** The `mappings` string of a source map, whose one source is the cell, with `skip` lines before. */
export function encodeMappings(map: CellMap, skip: number): string {
  let sourceLine = 0;
  let sourceColumn = 0;
  const lines = map.map((segments) => {
    let column = 0;
    return segments
      .map((segment) => {
        const deltas = [segment[0] - column, 0, segment[1] - sourceLine, segment[2] - sourceColumn];
        [column, sourceLine, sourceColumn] = segment;
        return deltas.map(encodeNumber).join('');
      })
      .join(',');
  });
  return ';'.repeat(skip) + lines.join(';');
}

/** Decodes base-64 variable-length quantities (Source Map Revision 3, "mappings"). */
export function decodeMappings(mappings: string): CellMap {
  let line = 0;
  let sourceColumn = 0;
  return mappings.split(';').map((segments) => {
    let column = 0;
    const decoded: CellMap[number] = [];
    for (const segment of segments.split(',')) {
      const [columns, , lines, sourceColumns] = decodeNumbers(segment);
      column += columns ?? 0;
      if (lines === undefined || sourceColumns === undefined) continue;
      line += lines;
      sourceColumn += sourceColumns;
      decoded.push([column, line, sourceColumn]);
    }
    return decoded;
  });
}

function decodeNumbers(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

function encodeNumber(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
