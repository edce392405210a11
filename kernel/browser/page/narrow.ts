import type { Application, NotebookTracker } from './lite';

/** In a window that is no wider, in pixels, the list of files leaves a notebook half of it. */
const NARROW = 1000;

/** Folds the list of files away with each notebook that a narrow window opens; its button brings it back. */
export function makeRoom({ shell }: Application, tracker: NotebookTracker): void {
  const narrow = matchMedia(`(max-width: ${NARROW}px)`);
  const fold = () => {
    if (narrow.matches) shell.collapseLeft?.();
  };
  tracker.widgetAdded.connect((_sender, { context }) => void context.ready.then(fold));
  narrow.addEventListener('change', fold);
}
