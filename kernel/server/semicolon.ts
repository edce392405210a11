import type { Json, Message } from '../protocol';

/** Whether a cell ends in a semicolon, comments behind it aside. */
export function endsInSemicolon(code: string): boolean {
  for (const line of code.split('\n').reverse()) {
    const text = withoutComment(line).trim();
    if (text !== '') return text.endsWith(';');
  }
  return false;
}

/** A comment begins where no text is open. */
function withoutComment(line: string): string {
  for (const { index } of line.matchAll(/\/\/|\/\*[^*]*\*\/\s*$/g)) {
    const before = line.slice(0, index);
    if (['"', "'", '`'].every((quote) => before.split(quote).length % 2 === 1)) return before;
  }
  return line;
}

/**
 * Whether the value of a cell that ends in a semicolon is to be hidden: by `implicit-kernel` in the
 * metadata of the cell, which JupyterLab sends with it, or of the notebook.
 */
export function semicolonHides({ metadata }: Message, notebook: Json): boolean {
  return settingIn(metadata) ?? settingIn(notebook) ?? false;
}

function settingIn(metadata: Record<string, unknown>): boolean | undefined {
  const own = metadata['implicit-kernel'];
  if (typeof own !== 'object' || own === null || !('silentSemicolon' in own)) return undefined;
  return own.silentSemicolon === true;
}
