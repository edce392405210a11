/** What is not there in a page, in one sentence each: the compiler says it of types, cells of what they import as they run. */

const IN_THE_COURSE = 'run this cell in the installed course.';

const MODULES_OF_NODE =
  /^(?:node:.*|assert|async_hooks|buffer|child_process|cluster|crypto|dgram|dns|events|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|process|readline|repl|stream|string_decoder|timers|tls|tty|url|util|v8|vm|wasi|worker_threads|zlib)(?:\/.*)?$/;

/** Packages that are made of native code. */
const NATIVE = /^(?:@tensorflow\/tfjs-node(?:-gpu)?|koffi|webgpu|zeromq|@resvg\/resvg-js)$/;

/** Of a name or a module that only Node.js has. */
export const ofNode = (name: string): string =>
  `${name} belongs to Node.js, and this is a page: ${IN_THE_COURSE}`;

/** Of a module that cells of a page cannot import. */
export function absentModule(name: string): string {
  if (MODULES_OF_NODE.test(name)) return ofNode(name);
  if (NATIVE.test(name)) {
    return `${name} is native code, which a page cannot load: ${IN_THE_COURSE}`;
  }
  if (/^[./]/.test(name)) {
    return `There is no file ${name} for cells of a page to import: put the code into a cell, or run this notebook in the installed course.`;
  }
  return `The package ${name} is not on this site, which has implicit-lab, implicit-lab-course, @tensorflow/tfjs and implicit-kernel: ${IN_THE_COURSE}`;
}
