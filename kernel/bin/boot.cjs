// Loads an entry point in a child process (its path in argv) or in a worker (in workerData).
// Node.js 22 and later keep compiled code for the next start.
require('node:module').enableCompileCache?.();
require('./import.cjs');
require('tsx/cjs');
const { isMainThread, workerData } = require('node:worker_threads');
require(isMainThread ? process.argv[2] : workerData.entry);
