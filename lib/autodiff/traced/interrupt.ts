/** Rethrows the interrupt of a notebook, which says nothing of what it has cut short. */
export function passInterrupt(error: unknown): void {
  if (error instanceof Error && error.name === 'KeyboardInterrupt') throw error;
}
