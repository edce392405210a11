import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['lib/**/*.test.ts', 'kernel/**/*.test.ts', 'test/**/*.test.ts'],
    // TensorFlow.js keeps its engine in a global: a process a file keeps tests apart.
    pool: 'forks',
    maxWorkers: '100%',
    testTimeout: 60_000,
  },
});
