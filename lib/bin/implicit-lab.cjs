#!/usr/bin/env node
// The command line is TypeScript that Node.js runs through tsx: this file only opens that door.
require('tsx/cjs');
const { main } = require('../exercises/cli/main');

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
