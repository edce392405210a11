import { DataError } from 'implicit-lab';
import { checkNoMore, checkOptionNames } from 'implicit-lab/support';
import { ionosphereFile } from '#platform/data';
import { readText } from '#platform/files';

const FEATURES = 34;

/** Examples with two classes, in plain memory. */
export interface LabelledRows {
  /** One row of features for each example. */
  x: Float64Array[];
  /** One label for each example, 1 or −1. */
  y: Float64Array;
  count: number;
}

/**
 * Reads the Johns Hopkins ionosphere data: 351 radar returns of 34 features each, from −1 to 1, as
 * they are given, with the label 1 (*good*: structure in the ionosphere, 225) or −1 (*bad*: none, 126).
 *
 * Feature 0 is 0 or 1, feature 1 is always 0, so a linear model without a penalty is not unique.
 * Terms and provenance are in `data/README.md`.
 *
 * @param file a CSV file of 34 numbers and `g` or `b` a line, by default the one that comes with
 *   this library
 * @throws DataError if the file is missing, empty, or a line is of another form
 * @see Sigillito, Wing, Hutton & Baker, "Classification of radar returns from the ionosphere using
 *   neural networks", Johns Hopkins APL Technical Digest 10, 1989, with the data at
 *   [UCI](https://archive.ics.uci.edu/dataset/52/ionosphere).
 */
export function ionosphere(options: { file?: string } = {}): LabelledRows {
  checkNoMore('ionosphere', arguments, 1);
  checkOptionNames('ionosphere', options, ['file']);
  const { file = ionosphereFile() } = options;
  const rows = textOf(file)
    .trim()
    .split(/\r?\n/)
    .map((line, i) => parsed(line, `line ${i + 1} of ${file}`));
  return {
    x: rows.map(({ x }) => x),
    y: Float64Array.from(rows, ({ y }) => y),
    count: rows.length,
  };
}

function textOf(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw new DataError({
      given: `${file}, which cannot be read (${(error as Error).message})`,
      expected: 'the ionosphere data as a CSV file',
      remedy: 'Pass { file } with the path of a copy, or restore data/ionosphere in the checkout.',
    });
  }
}

function parsed(line: string, where: string) {
  const fields = line.split(',').map((field) => field.trim());
  const label = fields.pop();
  const x = Float64Array.from(fields, (field) => (field === '' ? Number.NaN : Number(field)));
  const inRange = x.every((value) => value >= -1 && value <= 1);
  if (x.length !== FEATURES || !inRange || (label !== 'g' && label !== 'b')) {
    throw new DataError({
      given: `${where}: ${line.slice(0, 60)}`,
      expected: `${FEATURES} numbers from −1 to 1, then g or b, separated by commas`,
      remedy: 'This is another file, or a damaged one: take that of the repository.',
    });
  }
  return { x, y: label === 'g' ? 1 : -1 };
}
