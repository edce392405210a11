/** A square matrix, row after row. */
export interface SquareMatrix {
  readonly size: number;
  readonly entries: Float64Array;
}

/** The square matrix with these columns. */
export function squareMatrix(columns: readonly Float64Array[]): SquareMatrix {
  const size = columns.length;
  const entries = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    for (let i = 0; i < size; i++) entries[i * size + j] = columns[j]![i]!;
  }
  return { size, entries };
}
