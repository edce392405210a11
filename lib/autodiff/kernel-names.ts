import { restorer } from './restorer';
import { engine } from './tape';

/** The names of the kernels that f runs. */
export function kernelNames(f: () => void): string[] {
  const names: string[] = [];
  const e = engine();
  const restore = restorer(e, ['runKernel']);
  const { runKernel } = e;
  e.runKernel = function (name, inputs, attrs) {
    names.push(name);
    return runKernel.call(this, name, inputs, attrs);
  };
  try {
    f();
  } finally {
    restore();
  }
  return names;
}
