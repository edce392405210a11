import { relative, sep } from 'node:path';
import { Comment, CommentTag, Converter, JSX } from 'typedoc';
import { inRoot } from '../paths.mjs';

/**
 * A TypeDoc plugin: every public name is put into the category of the folder it comes from, and every
 * page leads back to the course.
 *
 * @param {import('typedoc').Application} app
 */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const reflection of context.project.children ?? []) {
      const file = context.project.getSymbolIdFromReflection(reflection)?.fileName;
      const [, room = '', ...rest] = relative(inRoot(), file ?? '').split(sep);
      const category = new CommentTag('@category', [
        { kind: 'text', text: rest.length > 0 ? room : 'errors' },
      ]);
      // The category of a function is read from its signatures.
      for (const part of [reflection, ...(reflection.signatures ?? [])]) {
        part.comment ??= new Comment();
        part.comment.blockTags.push(category);
      }
    }
  });
  app.renderer.hooks.on('sidebar.begin', (context) =>
    JSX.createElement(
      'a',
      { href: context.relativeURL('../notebooks/index.html') },
      '← The course',
    ),
  );
}
