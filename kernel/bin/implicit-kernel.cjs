#!/usr/bin/env node
// The kernel is TypeScript that Node.js runs through tsx: this file only opens that door.
require('tsx/cjs');
require('../cli').main(process.argv.slice(2));
