import { escapeHtml, formatNumber } from '../output';
import type { Evidence } from './compare';
import { richHtml, richText } from './rich-text';

/**
 * What a check found.
 *
 * - `right`: all as it should be.
 * - `to-do`: the stub's `todo()` is still there.
 * - `not-a-function`: something else was handed over.
 * - `threw`: the answer threw, or its promise was rejected.
 * - `mistake`: a known one; `mistake` names it.
 * - `shape`, `not-finite`: the result has another form, or holds a NaN.
 * - `property`: a property does not hold; `mistake` names it.
 * - `differs`: other numbers, for no known reason.
 * - `too-slow`: no result, or a right one, after the time limit.
 * - `broken`: the exercise itself failed, which is not the learner's fault; also an unknown id.
 */
export type Status =
  | 'right'
  | 'to-do'
  | 'not-a-function'
  | 'threw'
  | 'mistake'
  | 'shape'
  | 'not-finite'
  | 'property'
  | 'differs'
  | 'too-slow'
  | 'broken';

/** The outcome of a check, as a value. */
export interface Verdict {
  exercise: string;
  passed: boolean;
  status: Status;
  /** The known mistake, or the property that does not hold. */
  mistake?: string;
  /** One line: `'the sign of the implicit term'`. */
  title: string;
  /** What is wrong, in Markdown. */
  explanation: string;
  /** The numbers that gave it away. */
  evidence: Evidence[];
  /** What is worth knowing and not a mistake: inputs changed, tensors left behind. */
  remarks: string[];
}

const GREEN = '#009E73';
const VERMILION = '#D55E00';
const GREY = '#808080';

const sign = ({ passed, status }: Verdict) => (passed ? '✓' : status === 'to-do' ? '○' : '✗');

/** A verdict as lines of text. */
export function verdictText(verdict: Verdict): string {
  const numbers = verdict.evidence.map((found) => {
    const { yours, right } = shown(found);
    return `  on the ${found.probe} probe, ${found.entry}: yours ${yours}, right ${right}`;
  });
  return [
    `${sign(verdict)} ${verdict.exercise}: ${verdict.title}`,
    ...(verdict.explanation ? [richText(verdict.explanation)] : []),
    ...numbers,
    ...verdict.remarks.map((remark) => `Note: ${richText(remark)}`),
  ].join('\n');
}

/** A verdict as HTML that reads well on light and dark pages. */
export function verdictHtml(verdict: Verdict): string {
  const { passed, status, exercise, title, explanation, evidence, remarks } = verdict;
  const colour = passed ? GREEN : status === 'to-do' ? GREY : VERMILION;
  const mark = `<span style="color: ${colour}">${sign(verdict)}</span>`;
  return [
    `<div style="border-left: 4px solid ${colour}; padding: 2px 14px; margin: 4px 0; max-width: 720px">`,
    `<div style="font-size: 110%"><b>${mark} ${escapeHtml(exercise)}: ${escapeHtml(title)}</b></div>`,
    explanation ? richHtml(explanation) : '',
    evidence.length > 0 ? evidenceHtml(evidence) : '',
    ...remarks.map((remark) => `<div style="opacity: .8">Note: ${richHtml(remark)}</div>`),
    '</div>',
  ].join('');
}

function evidenceHtml(evidence: readonly Evidence[]): string {
  const cell = (tag: string, text: string, align: string) =>
    `<${tag} style="text-align: ${align}; padding: 2px 12px; font-variant-numeric: tabular-nums">${escapeHtml(text)}</${tag}>`;
  const heads = ['probe', 'entry'].map((text) => cell('th', text, 'left'));
  heads.push(...['yours', 'right'].map((text) => cell('th', text, 'right')));
  const rows = evidence.map((found) => {
    const { yours, right } = shown(found);
    return [
      cell('td', found.probe, 'left'),
      cell('td', found.entry, 'left'),
      cell('td', yours, 'right'),
      cell('td', right, 'right'),
    ].join('');
  });
  return `<table style="margin: 6px 0"><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row}</tr>`).join('')}</tbody></table>`;
}

const DIGITS = [5, 8, 11, 15];

/** Both values as text, with as many digits as it takes to see the difference. */
function shown({ yours, right }: Evidence): { yours: string; right: string } {
  const rounded = (value: number | string, digits: number) =>
    typeof value === 'number' ? value.toPrecision(digits) : value;
  const digits =
    DIGITS.find((count) => rounded(yours, count) !== rounded(right, count)) ?? DIGITS[0]!;
  const show = (value: number | string) =>
    typeof value === 'number' ? formatNumber(value, digits) : value;
  return { yours: show(yours), right: show(right) };
}
