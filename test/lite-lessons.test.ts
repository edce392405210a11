import { chosenLessons, compareLessons } from './lite-served';

/**
 * All lessons of the course in a page, by *Run all*, against their stored outputs. With `FULL=1`;
 * `LESSONS=04,05` takes some of them.
 */
compareLessons('all lessons in a page', chosenLessons());
