import { onWebgpu } from './lite-lesson';
import { SOFTWARE_GPU, startBrowser } from './lite-page';
import { compareLessons } from './lite-served';

/**
 * Lessons in a page on webgpu, by the software adapter of Chromium, against outputs that are stored of wasm. With
 * `FULL=1`; `LESSONS=12-forward-reverse-truncated` takes others.
 */

const lessons = (
  process.env.LESSONS ?? '12-forward-reverse-truncated,13-the-curse-of-unrolling'
).split(',');

compareLessons(
  'lessons in a page on webgpu',
  lessons.map((name) => `${name}.ipynb`),
  { start: (profile) => startBrowser(profile, SOFTWARE_GPU), edit: onWebgpu },
);
