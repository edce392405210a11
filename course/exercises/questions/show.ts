import { escapeHtml, formatNumber } from '../../output';
import { richHtml, richText } from '../rich-text';
import type { Verdict } from '../verdict';
import { CLOSE_ENOUGH, letterOf, type Question, rightLetter } from './question';

const GREEN = '#009E73';
const VERMILION = '#D55E00';
const BLUE = '#0072B2';

/** How a question is answered, in words. */
function howTo(question: Question): string {
  const { id } = question;
  if (question.kind === 'choice') {
    const last = letterOf(question.options.length - 1);
    return `Your answer, a to ${last}: \`await check('${id}', 'a')\``;
  }
  const { tolerance = CLOSE_ENOUGH } = question;
  return `Your number, to ${formatNumber(100 * tolerance, 1)} %: \`await check('${id}', 1.5)\``;
}

/** The answer and why it is so, in Markdown. */
function solutionOf(question: Question): string {
  const answer =
    question.kind === 'choice'
      ? `**${rightLetter(question)})**`
      : `**${formatNumber(question.answer(), 3)}**`;
  return `${answer} ${question.explanation}`;
}

const optionsOf = (question: Question): readonly string[] =>
  question.kind === 'choice'
    ? question.options.map(({ text }, index) => `${letterOf(index)}) ${text}`)
    : [];

/**
 * A question with what there is to say about an answer, as lines of text. The solution is there
 * once the answer is right: text cannot be folded.
 */
export function questionText(question: Question, verdict: Verdict): string {
  const { status, passed, title, explanation, remarks } = verdict;
  const asked = [
    `? ${question.id}: ${richText(question.text)}`,
    ...optionsOf(question).map((option) => `  ${richText(option)}`),
  ];
  if (status === 'to-do') return [...asked, richText(howTo(question))].join('\n');
  const words = passed ? solutionOf(question).replaceAll('**', '') : explanation;
  return [
    ...asked,
    `${passed ? '✓' : '✗'} ${title}`,
    ...(words ? [richText(words)] : []),
    ...remarks.map((remark) => `Note: ${richText(remark)}`),
  ].join('\n');
}

/** The same as HTML, with the solution folded as long as the answer is not right. */
export function questionHtml(question: Question, verdict: Verdict): string {
  const { status, passed, title, explanation, remarks } = verdict;
  const colour = status === 'to-do' ? BLUE : passed ? GREEN : VERMILION;
  const options = optionsOf(question)
    .map((option) => `<div style="margin-left: 1.5em">${richHtml(option)}</div>`)
    .join('');
  const feedback =
    status === 'to-do'
      ? `<div style="opacity: .8">${richHtml(howTo(question))}</div>`
      : `<div><b><span style="color: ${colour}">${passed ? '✓' : '✗'}</span> ${escapeHtml(title)}</b></div>${passed ? '' : richHtml(explanation)}`;
  const solution = bold(richHtml(solutionOf(question)));
  return [
    `<div style="border-left: 4px solid ${colour}; padding: 2px 14px; margin: 4px 0; max-width: 720px">`,
    `<div><b>Question ${question.id}</b></div>`,
    richHtml(question.text),
    options,
    feedback,
    passed
      ? solution
      : `<details><summary style="cursor: pointer">The answer, and why</summary>${solution}</details>`,
    ...remarks.map((remark) => `<div style="opacity: .8">Note: ${richHtml(remark)}</div>`),
    '</div>',
  ].join('');
}

const bold = (html: string) => html.replace(/\*\*(.+?)\*\*/g, '<b>$1</b>');
