#!/usr/bin/env node
// The kernel is TypeScript that Node runs through tsx: this file only opens that door.
require('tsx/cjs');
require('../cli.ts').main(process.argv.slice(2));
