/** Whether an error has a name. Never throws, whatever the error is. */
export function isCalled(name: string, error: unknown): boolean {
  try {
    return error instanceof Error && error.name === name;
  } catch {
    return false;
  }
}

/** Throws the kernel's interrupt on: it is nobody's mistake, and ends the check. */
export function passInterrupt(error: unknown): void {
  if (isCalled('KeyboardInterrupt', error)) throw error;
}
