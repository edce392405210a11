import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { exerciseIds, loadExercise } from '../catalogue';
import type { Exercise } from '../exercise';
import { judge } from '../judge';
import { plainLaunch } from './launch';
import { LearnerProcess } from './learner';

const CATALOGUE = join(__dirname, '..', 'catalogue');

const time = needs('time');
/** A right and a wrong answer to each exercise; with `FULL=1` all of the catalogue. */
const full = time.available && needs('full').available;

let learner: LearnerProcess | undefined;
let answers: Map<string, unknown>;

/** The answers that are compared. */
const chosen = ({ reference, mutants, alternatives }: Exercise) => [
  { name: 'reference', answer: reference },
  ...(full ? [...mutants, ...alternatives] : mutants.slice(0, 1)),
];

/** All answers of the catalogue, in one process. */
beforeAll(async () => {
  if (!time.available) return;
  learner = new LearnerProcess(plainLaunch(__dirname), { seconds: 1800 });
  const code = `
    const { check } = require('implicit-lab');
    for (const id of ${JSON.stringify(exerciseIds())}) {
      const { exercise } = require(${JSON.stringify(CATALOGUE)} + '/' + id);
      const { reference, mutants, alternatives } = exercise;
      for (const { name, answer } of [{ name: 'reference', answer: reference }, ...mutants, ...alternatives])
        check(id + ' ' + name, answer);
    }`;
  const ran = await learner.run(code);
  expect(ran.failures).toEqual([]);
  ({ answers } = ran);
});

afterAll(() => learner?.close());

it.skipIf(!time.available).each(exerciseIds())(
  '%s: an answer in another process gets the verdict that it gets here',
  async (id) => {
    const exercise = (await loadExercise(id)) as Exercise;
    const { mutants } = exercise;
    for (const { name, answer } of chosen(exercise)) {
      const there = await judge(exercise, answers.get(`${id} ${name}`));
      const caughtBy = mutants.find((mutant) => mutant.name === name)?.caughtBy;
      if (caughtBy) {
        // What it costs may be measured, and then its words differ from one run to the next.
        expect(there.passed).toBe(false);
        expect([name, caughtBy]).toContain(there.mistake);
      } else {
        expect({ name, verdict: there }).toEqual({ name, verdict: await judge(exercise, answer) });
      }
    }
  },
);
