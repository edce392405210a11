#!/usr/bin/env node
// The kernel is TypeScript. To run it, Jupyter gets a bundle of it, made once; all else goes through
// tsx, and the kernel as well where a bundle cannot be made.
const { join } = require('node:path');

const [command, file] = process.argv.slice(2);
const bundle = command === 'start' && file ? require('./bundle.cjs').bundle() : undefined;
if (bundle) {
  require(join(bundle, 'kernel.cjs')).start(file);
} else {
  require('tsx/cjs');
  require('../cli').main(process.argv.slice(2));
}
