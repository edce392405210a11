import type { NotebookVerdict } from '../submission';

/** A verdict, and where it comes from. */
export type Reported = NotebookVerdict & {
  /** The notebook's file. */
  file: string;
  /** Whose it is, where there are many. */
  submission?: string;
};

/** The JSON that `--json` prints; the README of `lib/exercises` describes it. */
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

/** JSON has no NaN and no infinity; as words they are not lost. */
const infinities = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
