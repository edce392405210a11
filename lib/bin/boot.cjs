// Loads the module that its first argument names, in a process of its own.
require('tsx/cjs');
require(process.argv[2]);
