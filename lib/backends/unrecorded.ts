import { engine } from './engine';

/**
 * Computes something that derivatives shall take for a constant.
 *
 * The tape is not written while `compute` runs; what it makes still belongs to the scope around.
 */
export function unrecorded<T>(compute: () => T): T {
  const { state } = engine();
  state.kernelDepth++;
  try {
    return compute();
  } finally {
    state.kernelDepth--;
  }
}
