import { type CellMap, decodeMappings } from '../../compiler/source-map';
import { NOTEBOOKS } from '../places';

/** The maps of the cells that have run, by the names of their files. */
const maps = new Map<string, CellMap>();

export function rememberMap(file: string, mappings: string): void {
  maps.set(file, decodeMappings(mappings));
}

/** The name of the script that is made of a cell. */
export const scriptOf = (file: string): string => file.replace(/\.ts$/, '.js');

const SCRIPT = /(?:eval at .*?, )?((?:cell|expression)-\d+)\.js:(\d+):(\d+)/;

/** What is between the frames of a cell that were written: helpers of generators. */
const HELPERS =
  /\bat (?:\w+\.)?(?:__awaiter|__async|__async\w*|fulfilled|rejected|step|adopt)\b|\bat Generator\.(?:next|throw|return)\b|\bat new Promise\b|\bat Promise\.then\b/;

/** The name that the function around a cell, and the generator in it, have in traces. */
const MAIN = /\bat (?:async )?(?:__main__|eval|Object\.<anonymous>|__main__\.next)(?: \((.*)\))?$/;

/** A stack trace by the lines of TypeScript. */
export function mappedStack(stack: string | undefined): string | undefined {
  return stack
    ?.split('\n')
    .flatMap((line) => {
      if (!/^\s+at /.test(line)) return [line];
      if (HELPERS.test(line)) return [];
      const found = SCRIPT.exec(line);
      if (!found) return [line];
      const [whole, name, row, column] = found;
      const place = placeIn(`${name}.ts`, Number(row), Number(column));
      if (!place) return [];
      return [line.replace(whole, place).replace(MAIN, 'at $1')];
    })
    .join('\n');
}

/** Where a position of a script was in its cell; nothing for what the compiler has added. */
function placeIn(file: string, row: number, column: number): string | undefined {
  const segments = maps.get(file)?.[row - 1] ?? [];
  const found = segments.findLast(([start]) => start <= column - 1);
  return found ? `${NOTEBOOKS}/${file}:${found[1] + 1}:${found[2] + 1}` : undefined;
}
