import { type CellMap, decodeMappings } from '../../compiler/source-map';

/** A zero-based place in a text. */
export interface Position {
  line: number;
  column: number;
}

/** Between the lines of a source and those of what was made of it. */
export class Positions {
  private readonly map: CellMap;

  constructor(mappings: string) {
    this.map = decodeMappings(mappings);
  }

  /** Where a place of the code is in the source, if it is. */
  toSource({ line, column }: Position): Position | undefined {
    const segments = this.map[line] ?? [];
    const found = segments.findLast(([at]) => at <= column) ?? segments[0];
    return found && { line: found[1], column: found[2] };
  }

  /** The code that a line of the source begins with; of a line without code, that of the next one. */
  toCode(sourceLine: number): (Position & { sourceLine: number }) | undefined {
    let best: { place: Position; source: Position } | undefined;
    this.map.forEach((segments, line) => {
      for (const [column, source, sourceColumn] of segments) {
        if (source < sourceLine) continue;
        const earlier =
          !best ||
          source < best.source.line ||
          (source === best.source.line && sourceColumn < best.source.column);
        if (earlier) {
          best = { place: { line, column }, source: { line: source, column: sourceColumn } };
        }
      }
    });
    return best && { ...best.place, sourceLine: best.source.line };
  }
}
