import { checkNoMore, variable } from 'implicit-lab/support';
import { isPage } from '#platform/environment';
import { escapeHtml, publish } from '../output';

/**
 * The size of an experiment: the usual one, or in a page, where a cell would otherwise take minutes, a smaller one.
 *
 * A sentence in the output reports the smaller one. A lesson's claims have to hold for both. With
 * `IMPLICIT_LAB_SIZE=page` Node.js takes the smaller one, too.
 *
 * @example
 * ```ts
 * const SEEDS = sizeHere([1, 2, 3], [1], 'one seed instead of three');
 * ```
 *
 * @param words what the smaller one means: "In a page, this lesson takes …"
 */
export function sizeHere<T>(usual: T, inPage: T, words: string): T {
  checkNoMore('sizeHere', arguments, 3);
  if (!isPage && variable('IMPLICIT_LAB_SIZE') !== 'page') return usual;
  const sentence = `In a page, this lesson takes ${words}, so that no cell takes minutes. The installed course takes all.`;
  publish({
    data: { 'text/plain': sentence, 'text/html': `<p><small>${escapeHtml(sentence)}</small></p>` },
  });
  return inPage;
}
