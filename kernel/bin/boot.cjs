// Loads a TypeScript entry point in a child process (its path in argv) or in a worker (in workerData).
require('tsx/cjs');
const { isMainThread, workerData } = require('node:worker_threads');
require(isMainThread ? process.argv[2] : workerData.entry);
