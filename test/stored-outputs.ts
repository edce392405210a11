import { readFileSync } from 'node:fs';
import { type Comparison, compare, sum } from './compare-outputs';
import type { Output } from './output';

/**
 * `stored-outputs.ts FRESH STORED`: says in how many numbers the outputs of a notebook that has just
 * run differ from those of the stored one, times left out, as JSON.
 */
const [fresh, stored] = process.argv.slice(2).map(outputsOf);
if (!fresh || !stored)
  throw new Error('Two notebooks are compared: stored-outputs.ts FRESH STORED');
process.stdout.write(JSON.stringify(compareCells(fresh, stored)));

function compareCells(fresh: readonly Output[][], stored: readonly Output[][]): Comparison {
  const found = sum(stored.map((outputs, i) => compare(fresh[i] ?? [], outputs)));
  if (fresh.length !== stored.length) {
    found.words.push(`${fresh.length} cells, not ${stored.length}`);
  }
  return found;
}

/** The outputs of each code cell; a result that has shown itself already leaves an empty one. */
function outputsOf(file: string): Output[][] {
  const { cells }: { cells: { cell_type: string; outputs: Output[] }[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ outputs }) =>
      outputs.filter(({ data }) => data === undefined || Object.keys(data).length > 0),
    );
}
