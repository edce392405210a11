import { existsSync } from 'node:fs';
import { UsageError } from './course';
import { type RecordLine, RecordsError, readRecords } from './records';
import { printReport } from './report';

/**
 * `implicit-lab merge FILE …`: one document from the parts of a run. Of verdicts on the same
 * exercise in the same notebook the one that comes last holds.
 */
export function merge(files: readonly string[]): number {
  if (files.length === 0) {
    throw new UsageError(
      'merge takes files of --records or --json, as in: npx implicit-lab merge part-*.jsonl',
    );
  }
  const last = new Map<string, RecordLine>();
  for (const file of files) {
    if (!existsSync(file)) throw new UsageError(`${file} is not there.`);
    for (const line of read(file)) {
      // A notebook that was listed again has new verdicts, or a new problem.
      const key = line.type === 'verdict' ? line.verdict.exercise : '';
      last.set(`${line.file}\0${key}`, line);
    }
  }
  const lines = [...last].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  const current = lines.filter(
    (line) => line.type !== 'verdict' || isCurrent(line, last.get(`${line.file}\0`)),
  );
  printReport(current);
  return 0;
}

const isCurrent = (line: RecordLine, list: RecordLine | undefined) =>
  list === undefined || (list.type === 'list' && list.stamp === line.stamp) || line.stamp === '';

function read(file: string): RecordLine[] {
  try {
    return readRecords(file);
  } catch (error) {
    if (error instanceof RecordsError) throw new UsageError(error.message);
    throw error;
  }
}
