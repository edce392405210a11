import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The source of plotly.js, 5 MB. */
export const plotlySource = (): Promise<Uint8Array> =>
  readFile(createRequire(__filename).resolve('plotly.js-dist-min/plotly.min.js'));
