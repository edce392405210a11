/** Where a line can be written over, if there is such a place. */
export interface Terminal {
  write(text: string): void;
}

/** The terminal behind standard error. */
export function terminal(): Terminal | undefined {
  const { stderr } = process;
  return stderr.isTTY ? { write: (text) => void stderr.write(text) } : undefined;
}
