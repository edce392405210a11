import { infinities, type RecordLine, type Reported } from './records';

/** Prints the same document, a verdict at a time: there may be more of them than memory is for. */
export function printReport(lines: Iterable<RecordLine>): void {
  const submissions = new Set<string>();
  const problems: { file: string; message: string }[] = [];
  let [checked, passed] = [0, 0];
  process.stdout.write('{\n  "version": 1,\n  "results": [');
  for (const line of lines) {
    if (line.type === 'problem') problems.push({ file: line.file, message: line.message });
    if (line.type !== 'verdict') continue;
    const { verdict } = line;
    process.stdout.write(
      `${checked === 0 ? '' : ','}\n${JSON.stringify(resultOf(verdict), infinities)}`,
    );
    submissions.add(verdict.submission ?? '');
    checked += 1;
    if (verdict.passed) passed += 1;
  }
  const summary = { submissions: submissions.size, checked, passed };
  process.stdout.write(
    `\n  ],\n  "problems": ${JSON.stringify(problems)},\n  "summary": ${JSON.stringify(summary)}\n}\n`,
  );
}

/** The JSON that `--json` prints; the README of `course/exercises` describes it. */
export function report({
  verdicts,
  problems,
}: {
  verdicts: readonly Reported[];
  problems: ReadonlyMap<string, string>;
}): string {
  const order = (v: Reported) => `${v.submission ?? ''}\0${v.exercise}\0${v.file}`;
  const sorted = [...verdicts].sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const submissions = new Set(sorted.map(({ submission }) => submission ?? ''));
  const document = {
    version: 1,
    results: sorted.map(resultOf),
    problems: [...problems].map(([file, message]) => ({ file, message })),
    summary: {
      submissions: submissions.size,
      checked: sorted.length,
      passed: sorted.filter(({ passed }) => passed).length,
    },
  };
  return JSON.stringify(document, infinities, 2);
}

function resultOf({
  submission,
  file,
  exercise,
  passed,
  status,
  mistake,
  title,
  ...rest
}: Reported) {
  const { explanation, evidence, remarks, seconds } = rest;
  return {
    ...(submission === undefined ? {} : { submission }),
    file,
    exercise,
    passed,
    status,
    ...(mistake === undefined ? {} : { mistake }),
    title,
    explanation,
    evidence,
    remarks,
    seconds: Number(seconds.toFixed(2)),
  };
}
