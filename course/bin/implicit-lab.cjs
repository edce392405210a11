#!/usr/bin/env node
// This file only opens the door to the command line.
require('./typescript.cjs');
const { main } = require('../exercises/cli/main');

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
