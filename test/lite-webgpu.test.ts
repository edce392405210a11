import { onWebgpu } from './lite-lesson';
import { SOFTWARE_GPU, startBrowser } from './lite-page';
import { chosenLessons, compareLessons } from './lite-served';

/**
 * Lessons in a page on webgpu, by the software adapter of Chromium, against outputs that are stored of wasm. With
 * `FULL=1`; `LESSONS=04` takes others.
 */
compareLessons('lessons in a page on webgpu', chosenLessons(['02', '12']), {
  start: (profile) => startBrowser(profile, SOFTWARE_GPU),
  edit: onWebgpu,
});
