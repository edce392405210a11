import { type Cell, within } from './context';

const CELL_END = Symbol.for('implicit-kernel.cell-end');

/**
 * Calls the functions in the set `globalThis[Symbol.for('implicit-kernel.cell-end')]`.
 *
 * Libraries put there what must not outlast the cell that made it, such as a progress bar, whether
 * the cell is done, has failed or was interrupted. What they show still belongs to that cell.
 */
export function endCell(cell: Cell): void {
  const { [CELL_END]: ends } = globalThis as { [CELL_END]?: Set<() => void> };
  for (const end of [...(ends ?? [])]) {
    try {
      within(cell, end);
    } catch (error) {
      within(cell, () => console.error('While the cell was ended:', error));
    }
  }
}
