import { InputError } from 'implicit-lab';
import { checkNoMore } from 'implicit-lab/support';
import { type Bundle, escapeHtml, inNotebook, publish } from '../../output';
import { type Drawn, drawn, openColumn, openControl, openLive, viewState } from '../controls';
import { liveComms } from '../kernel';
import { CLAIM, type ClaimRecord } from './claim';

/** What a prediction hides, for programs that read the notebook. */
export interface Hidden {
  /** Figures as plotly.js draws them, in order; the page holds them as pictures. */
  figures: unknown[];
  claims: ClaimRecord[];
}

const FIGURE = 'application/vnd.plotly.v1+json';
const MOST_CHOICES = 6;

/**
 * Asks the reader for a prediction, and shows what comes out only after it.
 *
 * In a live notebook each choice is a button; a press shows what `show` draws. Where no person runs
 * the cell, as when a notebook is executed for a page, the outcome is folded under the question. In
 * a script the question is printed and `show` runs.
 *
 * `show` may call `figure`, `table` and `claim`, or print. Compute before: cells further down run
 * whether or not the reader has answered.
 *
 * @example
 * ```ts
 * await predict('Which ends lowest?', ['SGD', 'momentum', 'the implicit step'], () =>
 *   table(ends, { caption: 'Loss after 200 steps.' }),
 * );
 * ```
 *
 * @param choices two to six answers
 * @throws InputError if there is no question, or not that many different choices
 * @throws what `show` throws, unless a reader has yet to answer
 */
export async function predict(
  question: string,
  choices: readonly string[],
  show: () => unknown,
): Promise<void> {
  checkNoMore('predict', arguments, 3);
  requireQuestion(question, choices);
  if (liveComms()) return ask(question, choices, show);
  if (!inNotebook()) {
    console.log(`${question} (${choices.join(' / ')})`);
    await show();
    return;
  }
  const outcome = await drawn(show, true);
  publish(foldedBundle(question, choices, outcome.bundles));
  if (outcome.failure) throw outcome.failure.thrown;
}

/** The question with its buttons, and room for the outcome. */
function ask(question: string, choices: readonly string[], show: () => unknown): void {
  const asked = openLive({ outputs: [{ kind: 'html', content: questionHtml(question) }] });
  const buttons = choices.map((choice) =>
    openControl('Button', { description: choice, disabled: false }, 'initial'),
  );
  const outcome = openLive({});
  let answered = false;
  buttons.forEach((button, index) => {
    button.onMessage(({ event }) => {
      if (event !== 'click' || answered) return;
      answered = true;
      for (const other of buttons) other.set({ disabled: true });
      void drawn(show, false).then((result) => {
        outcome.set(viewState(withAnswer(choices[index]!, result)));
      });
    });
  });
  publish({
    data: {
      'application/vnd.jupyter.widget-view+json': openColumn([asked, ...buttons, outcome]).view,
      'text/plain': questionText(question, choices),
    },
  });
}

function withAnswer(choice: string, { bundles, failure }: Drawn): Drawn {
  const html = `<p>You predicted: <b>${escapeHtml(choice)}</b></p>`;
  const answer: Bundle = { data: { 'text/html': html, 'text/plain': `You predicted: ${choice}` } };
  return { bundles: [answer, ...bundles], ...(failure && { failure }) };
}

/** The outcome folded under the question, in one output. */
export function foldedBundle(
  question: string,
  choices: readonly string[],
  outcome: readonly Bundle[],
): Bundle {
  const items = choices.map((choice) => `<li>${escapeHtml(choice)}</li>`).join('');
  const parts = outcome.map((bundle, index) => partHtml(bundle, index)).join('\n');
  const texts = outcome.map(({ data }) => data['text/plain']);
  const hidden: Hidden = {
    figures: outcome.flatMap(({ data }) => (FIGURE in data ? [data[FIGURE]] : [])),
    claims: outcome.flatMap(({ data }) => (CLAIM in data ? [data[CLAIM] as ClaimRecord] : [])),
  };
  return {
    data: {
      'text/html': `${questionHtml(question)}<ul>${items}</ul><details class="implicit-lab-prediction"><summary>Decide first, then open: what comes out</summary>\n${parts}\n</details>`,
      'text/plain': [questionText(question, choices), ...texts].join('\n\n'),
    },
    metadata: { 'implicit-lab': hidden },
  };
}

function partHtml({ data, metadata }: Bundle, index: number): string {
  if ('image/png' in data) {
    const { width } = (metadata?.['image/png'] ?? {}) as { width?: number };
    const size = width === undefined ? '' : ` width="${width}"`;
    const words = escapeHtml(data['text/plain']);
    return `<div data-output="${index}"><img src="data:image/png;base64,${data['image/png']}" alt="${words}"${size}></div>`;
  }
  if ('text/html' in data) return String(data['text/html']);
  return `<pre>${escapeHtml(data['text/plain'])}</pre>`;
}

const questionHtml = (question: string) => `<p><b>Predict.</b> ${escapeHtml(question)}</p>`;

const questionText = (question: string, choices: readonly string[]) =>
  `Predict. ${question}\n${choices.map((choice) => `  – ${choice}`).join('\n')}`;

function requireQuestion(question: string, choices: readonly string[]): void {
  const count = Array.isArray(choices) ? new Set(choices).size : 0;
  const isAsked = typeof question === 'string' && question.trim() !== '';
  if (isAsked && count >= 2 && count <= MOST_CHOICES && count === choices.length) return;
  throw new InputError({
    given: isAsked ? `the choices ${JSON.stringify(choices)}` : 'a prediction without a question',
    expected: `a question and two to ${MOST_CHOICES} different choices`,
    remedy: "Write predict('Which ends lowest?', ['SGD', 'the implicit step'], () => …).",
  });
}
