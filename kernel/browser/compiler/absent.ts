import type { Diagnostic } from '../../compiler';

/** TypeScript's numbers for a module or a name that is not there. */
const NO_MODULE = new Set([2307, 2591, 2580]);
const NO_NAME = new Set([2304, 2503, 2552, 2580, 2591, 2584, 2868]);
const NO_MEMBER = new Set([2339, 2551]);

/** What Node.js has and a page has not, by name. */
const NAMES_OF_NODE =
  /^(?:process|Buffer|global|require|module|exports|__dirname|__filename|setImmediate|clearImmediate|NodeJS)$/;

const MODULES_OF_NODE =
  /^(?:node:.*|assert|async_hooks|buffer|child_process|cluster|crypto|dgram|dns|events|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|process|readline|repl|stream|string_decoder|timers|tls|tty|url|util|v8|vm|wasi|worker_threads|zlib)(?:\/.*)?$/;

/** Packages that are made of native code. */
const NATIVE = /^(?:@tensorflow\/tfjs-node(?:-gpu)?|koffi|webgpu|zeromq|@resvg\/resvg-js)$/;

/** One sentence in place of TypeScript's messages about something that only Node.js has. */
export function withAbsences(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.map((diagnostic) => {
    const sentence = sentenceFor(diagnostic);
    return sentence === undefined ? diagnostic : { ...diagnostic, code: 0, messageText: sentence };
  });
}

function sentenceFor({ code, messageText }: Diagnostic): string | undefined {
  const [, name = ''] = /'([^']*)'/.exec(messageText) ?? [];
  if (NO_MODULE.has(code) && MODULES_OF_NODE.test(name)) return ofNode(name);
  if (NO_MODULE.has(code) && NATIVE.test(name)) {
    return `${name} is native code, which a page cannot load: run this cell in the installed course.`;
  }
  if (code === 2307 && !/^[./]/.test(name)) {
    return `The package ${name} is not on this site, which has implicit-lab, implicit-lab-course, @tensorflow/tfjs and implicit-kernel: run this cell in the installed course.`;
  }
  if (code === 2307) {
    return `There is no file ${name} for cells of a page to import: put the code into a cell, or run this notebook in the installed course.`;
  }
  if (NO_NAME.has(code) && NAMES_OF_NODE.test(name)) return ofNode(name);
  if (NO_MEMBER.has(code) && /on type 'PageProcess'/.test(messageText)) {
    return ofNode(`process.${name}`);
  }
  return undefined;
}

const ofNode = (name: string): string =>
  `${name} belongs to Node.js, and this is a page: run this cell in the installed course.`;
