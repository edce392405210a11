import type { Diagnostic } from '../../compiler';
import { absentModule, ofNode } from '../absent';

/** TypeScript's numbers for a module or a name that is not there. */
const NO_MODULE = new Set([2307, 2591, 2580, 2792, 2882]);
const NO_NAME = new Set([2304, 2503, 2552, 2580, 2591, 2584, 2868]);
const NO_MEMBER = new Set([2339, 2551]);

/** What Node.js has and a page has not, by name. */
const NAMES_OF_NODE =
  /^(?:process|Buffer|global|require|module|exports|__dirname|__filename|setImmediate|clearImmediate|NodeJS)$/;

/** One sentence in place of TypeScript's messages about something that only Node.js has. */
export function withAbsences(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.map((diagnostic) => {
    const sentence = sentenceFor(diagnostic);
    return sentence === undefined ? diagnostic : { ...diagnostic, code: 0, messageText: sentence };
  });
}

function sentenceFor({ code, messageText }: Diagnostic): string | undefined {
  const [, name = ''] = /'([^']*)'/.exec(messageText) ?? [];
  if (NO_NAME.has(code) && NAMES_OF_NODE.test(name)) return ofNode(name);
  if (NO_MODULE.has(code)) return absentModule(name);
  if (NO_MEMBER.has(code) && /on type 'PageProcess'/.test(messageText)) {
    return ofNode(`process.${name}`);
  }
  return undefined;
}
