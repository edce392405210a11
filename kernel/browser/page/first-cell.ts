import { whenIdle } from './when-idle';

/** A reader who runs nothing for so long reads. */
const READING_MS = 60_000;

let end: () => void = () => {};

/** Until it is over, the first cell has the line for itself: what else there is to load waits. */
export const firstCell = {
  over: new Promise<void>((resolve) => {
    end = resolve;
    setTimeout(resolve, READING_MS);
  }),
  /** Some cell has run; its answer is shown before anything else is loaded. */
  hasRun: (): void => whenIdle(end),
};
