import { expect, test } from 'vitest';
import { richHtml, richText } from './rich-text';

const inside = (markdown: string) => /^<p[^>]*>(.*)<\/p>$/s.exec(richHtml(markdown))?.[1];

test.each([
  ['at the *end*, which', 'at the <em>end</em>, which'],
  ['On the *stiff (h = 100/s)* probe', 'On the <em>stiff (h = 100/s)</em> probe'],
  ['(*both* of them)', '(<em>both</em> of them)'],
  // What is not emphasis.
  ['w* and v* differ', 'w* and v* differ'],
  ['a * b and c * d', 'a * b and c * d'],
  ['`*code*` and $a *b* c$', '<code>*code*</code> and $a *b* c$'],
  ['*<b>*', '*&#60;b&#62;*'],
])('%s', (markdown, html) => {
  expect(inside(markdown)).toBe(html);
});

test('a terminal shows it as it is written', () => {
  expect(richText('the *end* of $w^*$')).toBe('the *end* of w*');
});
