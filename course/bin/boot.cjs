// Loads the module that its first argument names, in a process of its own.
require('./typescript.cjs');
require(process.argv[2]);
