/**
 * The worker of the compiler, which takes longer to be ready than all else: with a page that opens a notebook it
 * starts at once, in parallel with JupyterLab, and waits for the first kernel.
 */
let waiting: Worker | undefined;

/** @param scripts the URL of the kernel's folder, with a slash at its end. */
export function startEarly(scripts: string): void {
  const opened = new URLSearchParams(location.search).get('path');
  if (opened?.endsWith('.ipynb')) waiting = newCompiler(scripts);
}

/** The one that was started early, for the first kernel; for a later one, a new one. */
export function takeCompiler(scripts: string): Worker {
  const worker = waiting ?? newCompiler(scripts);
  waiting = undefined;
  return worker;
}

function newCompiler(scripts: string): Worker {
  const worker = new Worker(`${scripts}compiler.js`, { name: 'compiler' });
  worker.postMessage({ archive: `${scripts}types.json.gz` });
  return worker;
}
