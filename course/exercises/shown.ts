/**
 * Keeps a notebook from showing a value as the result of a cell: it has been shown already, better.
 */
export function showNoMore<T extends object>(value: T): T {
  return Object.defineProperty(value, Symbol.for('Jupyter.display'), { value: () => ({}) });
}
