import { readFileSync } from 'node:fs';
import type { Message } from '../protocol';

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
 * metadata of the cell, which JupyterLab sends with it, or of the notebook, whose file a Jupyter
 * server names in `JPY_SESSION_NAME`.
 */
export function semicolonHides({ metadata }: Message): boolean {
  return settingIn(metadata) ?? settingIn(notebookMetadata()) ?? false;
}

function settingIn(metadata: Record<string, unknown>): boolean | undefined {
  const own = metadata['implicit-kernel'];
  if (typeof own !== 'object' || own === null || !('silentSemicolon' in own)) return undefined;
  return own.silentSemicolon === true;
}

function notebookMetadata(): Record<string, unknown> {
  const { JPY_SESSION_NAME: file } = process.env;
  if (!file?.endsWith('.ipynb')) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')).metadata ?? {};
  } catch {
    return {};
  }
}
