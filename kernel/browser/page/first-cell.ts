import { whenIdle } from './when-idle';

/** A reader who runs nothing for so long reads. */
const READING_MS = 60_000;

/** JupyterLab shows an answer some time after the reply: on a slow processor, after a page that is idle says so. */
const SHOWING_MS = 1000;

let end: () => void = () => {};

/** Until it is over, the first cell has the line for itself: what else there is to load waits. */
export const firstCell = {
  over: new Promise<void>((resolve) => {
    end = resolve;
    setTimeout(resolve, READING_MS);
  }),
  /** Some cell has run; its answer is shown before anything else is loaded. */
  hasRun: (): void => void setTimeout(() => whenIdle(end), SHOWING_MS),
};
