import { escapeHtml } from '../output';
import { formulaText } from './formula-text';

const FENCE = /```\w*\n([\s\S]*?)\n?```/g;
/** `*so*`, and no star of `w*` or of a product. */
const EMPHASIS = /(?<=^|[\s(])\*(?=\w)([^*\n]*[^*\s])\*(?=$|[\s.,;:)!?])/g;
const FORMULA = /\$\$?([^$]+)\$\$?/g;

/**
 * The Markdown of hints and diagnoses as HTML: paragraphs, fenced code, `code` and *emphasis*. Formulas stay
 * as they are, between dollars, for the notebook to typeset.
 */
export function richHtml(markdown: string): string {
  return markdown
    .split(FENCE)
    .map((piece, i) => (i % 2 === 1 ? codeBlock(piece) : paragraphs(piece)))
    .join('');
}

/** The same for a terminal: fences become indented code, formulas a line of plain characters. */
export function richText(markdown: string): string {
  return markdown
    .split(FENCE)
    .map((piece, i) => (i % 2 === 1 ? piece.replace(/^/gm, '    ') : plain(piece)))
    .join('');
}

const plain = (text: string) =>
  text
    .split(/`([^`\n]+)`/)
    .map((piece, i) => (i % 2 === 1 ? piece : piece.replace(FORMULA, (_, tex) => formulaText(tex))))
    .join('');

const codeBlock = (code: string) =>
  `<pre style="padding: 6px 10px; margin: 4px 0">${escapeHtml(code)}</pre>`;

function paragraphs(text: string): string {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => `<p style="margin: 4px 0">${inline(paragraph.trim())}</p>`)
    .join('');
}

function inline(text: string): string {
  return text
    .split(/`([^`\n]+)`/)
    .map((piece, i) =>
      i % 2 === 1 ? `<code>${escapeHtml(piece)}</code>` : emphasised(escapeHtml(piece)),
    )
    .join('');
}

/** Stars between words, and none inside a formula. */
const emphasised = (html: string) =>
  html
    .split(/(\$\$?[^$]+\$\$?)/)
    .map((piece, i) => (i % 2 === 1 ? piece : piece.replace(EMPHASIS, '<em>$1</em>')))
    .join('');
