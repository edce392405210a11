/** Whether an error has a name. Never throws, whatever the error is. */
export function isCalled(name: string, error: unknown): boolean {
  try {
    return error instanceof Error && error.name === name;
  } catch {
    return false;
  }
}

/** Rethrows the kernel's interrupt: it is not a mistake of the answer, and ends the check. */
export function passInterrupt(error: unknown): void {
  if (isCalled('KeyboardInterrupt', error)) throw error;
}
