import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../../test/needs';
import { exerciseIds, loadExercise } from '../catalogue';
import { judge } from '../judge';
import { tries as afterTheLesson } from './after-the-lesson';
import { tries as anotherHand } from './another-hand';
import { tries as curvature } from './curvature';
import { tries as freshSolving } from './fresh-solving';
import { tries as freshSteps } from './fresh-steps';
import { tries as freshUnrolling } from './fresh-unrolling';
import { tries as habits } from './habits';
import { tries as leastTried } from './least-tried';
import { tries as ownWordsDerivatives } from './own-words-derivatives';
import { tries as ownWordsProducts } from './own-words-products';
import { tries as ownWordsSteps } from './own-words-steps';
import { tries as secondLook } from './second-look';
import { tries as steps } from './steps';
import { tries as thirdReader } from './third-reader';
import { tries as unrolled } from './unrolled';
import { tries as unusualWays } from './unusual-ways';

leaveOutOfQuickRun();

/**
 * The log of answers that are not in the catalogue, right and wrong ones, and of their verdicts: what
 * is right passes however it is written, and what is wrong is not explained by a mistake that was
 * not made.
 */
const all = [
  ...steps,
  ...curvature,
  ...unrolled,
  ...freshSteps,
  ...freshSolving,
  ...freshUnrolling,
  ...secondLook,
  ...afterTheLesson,
  ...ownWordsSteps,
  ...ownWordsProducts,
  ...ownWordsDerivatives,
  ...unusualWays,
  ...anotherHand,
  ...leastTried,
  ...thirdReader,
  ...habits,
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('are more than six hundred, and some for every exercise', () => {
  expect(all.length).toBeGreaterThan(600);
  const tried = new Set(all.map(({ id }) => id));
  expect(exerciseIds().filter((id) => !tried.has(id))).toEqual([]);
});

describe.each(all)('$id: $name', ({ id, answer, verdict, title: heading, remarks: count = 0 }) => {
  it(verdict, async () => {
    const { status, mistake, title, explanation, remarks } = await judge(
      await loadExercise(id),
      answer,
    );
    const found = mistake ? `${status}: ${mistake}` : status;
    expect(found, `${title}. ${explanation}`).toBe(verdict);
    expect(title).toBe(heading ?? title);
    expect(remarks).toHaveLength(count);
    expect(explanation).not.toMatch(/NaN|Infinity|undefined/);
  });
});
