import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import type { NotebookVerdict } from '../submission';

/** A verdict, and where it comes from. */
export type Reported = NotebookVerdict & {
  /** The notebook's file. */
  file: string;
  /** Whose it is, where there are many. */
  submission?: string;
};

/** The known facts about a notebook, one per line. `stamp` shows whether it is still the same notebook. */
export type RecordLine =
  | { type: 'list'; file: string; stamp: string; ids: string[] }
  | { type: 'problem'; file: string; stamp: string; message: string }
  | { type: 'verdict'; file: string; stamp: string; verdict: Reported };

interface Place {
  at: number;
  length: number;
}

const NEWLINE = 10;

/**
 * A file to which every verdict is added as it comes, so that a run that was cut off goes on where
 * it was. In memory is only where each one is found.
 */
export class Records {
  private readonly descriptor: number;
  private end: number;
  private readonly places = new Map<string, Place & { stamp: string; type: RecordLine['type'] }>();

  constructor(readonly path: string) {
    this.descriptor = openSync(path, existsSync(path) ? 'r+' : 'wx+');
    this.end = 0;
    this.readAll();
  }

  /** What was recorded for a notebook as it is now: a verdict, its list, or its problem. */
  find(file: string, stamp: string, exercise = ''): RecordLine | undefined {
    const place = this.places.get(`${file}\0${exercise}`);
    return place?.stamp === stamp ? this.read(place) : undefined;
  }

  add(line: RecordLine): void {
    const text = Buffer.from(`${JSON.stringify(line, infinities)}\n`);
    writeSync(this.descriptor, text, 0, text.length, this.end);
    this.keep(line, { at: this.end, length: text.length });
    this.end += text.length;
  }

  /** All that holds, by file and exercise, one in memory at a time. */
  *lines(): Generator<RecordLine> {
    const entries = [...this.places].filter(
      ([key, { stamp }]) => this.places.get(`${key.split('\0')[0]}\0`)?.stamp === stamp,
    );
    for (const [, place] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) yield this.read(place);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private read({ at, length }: Place): RecordLine {
    const buffer = Buffer.alloc(length);
    readSync(this.descriptor, buffer, 0, length, at);
    return JSON.parse(buffer.toString('utf8'));
  }

  private keep(line: RecordLine, place: Place) {
    const exercise = line.type === 'verdict' ? line.verdict.exercise : '';
    const { type, file, stamp } = line;
    this.places.set(`${file}\0${exercise}`, { ...place, type, stamp });
  }

  /** Reads the file piece by piece; a last line that was cut off is cut off altogether. */
  private readAll() {
    const { size } = fstatSync(this.descriptor);
    const chunk = Buffer.alloc(1 << 20);
    let rest = Buffer.alloc(0);
    for (let at = 0; at < size; ) {
      const count = readSync(this.descriptor, chunk, 0, chunk.length, at);
      at += count;
      rest = Buffer.concat([rest, chunk.subarray(0, count)]);
      for (let cut = rest.indexOf(NEWLINE); cut >= 0; cut = rest.indexOf(NEWLINE)) {
        const line = parsed(rest.subarray(0, cut).toString('utf8'), this.path);
        this.keep(line, { at: this.end, length: cut + 1 });
        this.end += cut + 1;
        rest = rest.subarray(cut + 1);
      }
    }
    ftruncateSync(this.descriptor, this.end);
  }
}

function parsed(text: string, path: string): RecordLine {
  try {
    const line = JSON.parse(text) as RecordLine;
    if (['list', 'problem', 'verdict'].includes(line?.type)) return line;
  } catch {
    // Reported below.
  }
  throw new RecordsError(`${path} is not a file of records: "${text.slice(0, 60)}".`);
}

/** A file that should hold records, and holds something else. */
export class RecordsError extends Error {
  override name = 'RecordsError';
}

/** Records as `--records` keeps them, or a document as `--json` prints it. */
export function readRecords(path: string): RecordLine[] {
  const text = readFileSync(path, 'utf8');
  const whole = documentIn(text);
  if (!whole)
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => parsed(line, path));
  const stamp = '';
  return [
    ...whole.problems.map(({ file, message }) => ({
      type: 'problem' as const,
      file,
      stamp,
      message,
    })),
    ...whole.results.map((verdict) => ({
      type: 'verdict' as const,
      file: verdict.file,
      stamp,
      verdict,
    })),
  ];
}

function documentIn(text: string) {
  try {
    const whole = JSON.parse(text) as {
      version: number;
      results: Reported[];
      problems: { file: string; message: string }[];
    };
    return whole?.version === 1 && Array.isArray(whole.results) ? whole : undefined;
  } catch {
    return undefined;
  }
}

/** JSON has no NaN and no infinity; as words they are not lost. */
export const infinities = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
