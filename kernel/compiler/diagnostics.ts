import ts from 'typescript';

/** The compiler's objections to a cell. Positions are those of the cell. */
export interface Diagnostic {
  start: Position;
  end: Position;
  messageText: string;
  category: number;
  /** TypeScript's number, or 0 for advice of the kernel's own. */
  code: number;
  /** Of a module that the cell imports; left out for the cell itself. */
  fileName?: string;
}

/** Zero-based. */
export interface Position {
  offset: number;
  line: number;
  character: number;
}

/** Types of earlier cells are named without the module that the compiler takes the cell for. */
const CELL_MODULE = /import\("[^"]*\/~cell(?:-\d+)?"(?:, [^)]*)?\)\./g;

/** TypeScript would suggest the DOM library, which cells do not have. */
const ASK_FOR_DOM = /\. Do you need to change your target library\?.*'dom'\.$/;
const NO_DOM = ': cells run in Node.js, which has no DOM.';

/** Or for a later standard, where it is the engine that does not have it. */
const ASK_FOR_LATER = /\. Do you need to change your target library\?.*'es\w+' or later\.$/;
const NOT_YET = ': it is newer than what runs the cells.';

/** @param shift how many characters stand before the cell in `text`. */
export function diagnosticIn(
  text: string,
  shift: number,
  { start = 0, length = 0, ...found }: Omit<ts.Diagnostic, 'file'>,
  fileName?: string,
): Diagnostic {
  const message = ts.flattenDiagnosticMessageText(found.messageText, '\n');
  return {
    start: positionIn(text, shift, start),
    end: positionIn(text, shift, start + length),
    messageText: message
      .replace(CELL_MODULE, '')
      .replace(ASK_FOR_DOM, NO_DOM)
      .replace(ASK_FOR_LATER, NOT_YET),
    category: found.category,
    code: found.code,
    ...(fileName === undefined ? {} : { fileName }),
  };
}

function positionIn(text: string, shift: number, at: number): Position {
  const before = text.slice(0, at);
  const line = before.split('\n').length - 1;
  const character = at - (before.lastIndexOf('\n') + 1);
  return {
    offset: Math.max(0, at - shift),
    line,
    character: line === 0 ? Math.max(0, character - shift) : character,
  };
}
