/** How long the kernel may outlive the server that has started it. */
const INTERVAL_MS = 1000;

/**
 * Calls `ended` once the process that started the kernel has ended, if Jupyter requests that by
 * `JPY_PARENT_PID`. On Windows that is a handle, not a number of a process: the parent is asked for.
 */
export function watchParent(ended: () => void): void {
  const given = process.env.JPY_PARENT_PID;
  if (given === undefined) return;
  const parent = process.ppid;
  const server = process.platform === 'win32' ? parent : Number(given);
  const timer = setInterval(() => {
    // A process whose parent has ended gets another one, also while the old one waits to be buried.
    const orphaned = parent === server && process.ppid !== parent;
    if (!orphaned && (!Number.isInteger(server) || server <= 0 || isAlive(server))) return;
    clearInterval(timer);
    ended();
  }, INTERVAL_MS);
  timer.unref();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
