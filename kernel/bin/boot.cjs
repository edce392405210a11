// Loads an entry point in a child process (its path in argv) or in a worker (in workerData).
// Node.js 22 and later keep compiled code for the next start.
require('node:module').enableCompileCache?.();
const { isMainThread, workerData } = require('node:worker_threads');
require('./native.cjs');
// What tsx would read through without need: the compiler is nine megabytes of JavaScript.
for (const name of workerData?.plain ?? []) require(name);
require('tsx/cjs');
require('./packages.cjs');
require('./typescript.cjs');
require(isMainThread ? process.argv[2] : workerData.entry);
