import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes a minute or more each, longest first: begun last, they would run alone at the end. */
const slow = [
  'test/kernel.test.ts',
  'test/lite.test.ts',
  'test/setup.test.ts',
  'test/jupyterlab.test.ts',
  'test/hub.test.ts',
  'test/nbgrader.test.ts',
  'test/journey.test.ts',
  'op-table/webgpu.test.ts',
  'cli/cli.test.ts',
  'bin/bundle.test.ts',
  'test/packages.test.ts',
  'cli/sandbox.test.ts',
  'cli/strangers.test.ts',
];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => slow.some((end) => moduleId.endsWith(end));
    const rank = ({ moduleId }: TestSpecification) =>
      slow.findIndex((end) => moduleId.endsWith(end));
    return [
      ...sorted.filter(isSlow).sort((a, b) => rank(a) - rank(b)),
      ...sorted.filter((file) => !isSlow(file)),
    ];
  }
}

/** For a test, in milliseconds. What it waits for has half of it, so that the failure says what that was. */
const LIMIT_MS = 1_800_000;

export default defineConfig({
  test: {
    include: [
      'lib/**/*.test.ts',
      'course/**/*.test.ts',
      'kernel/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    // Tests on another backend than the one that they name.
    setupFiles: process.env.TEST_BACKEND ? ['test/on-backend.ts'] : [],
    // TensorFlow.js keeps its engine in a global: a process a file keeps tests apart.
    pool: 'forks',
    // One more than there are processors: tests of programs wait for most of their time. With two more, some met their
    // limits of time.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: SlowFirst },
    // A limit ends what hangs, not what is slow: with forty other programs at work, a test of one second took
    // longer than a minute. Hence one limit for all, and no test has a smaller one.
    testTimeout: LIMIT_MS,
    hookTimeout: LIMIT_MS,
    expect: { poll: { timeout: LIMIT_MS / 2 } },
  },
});
