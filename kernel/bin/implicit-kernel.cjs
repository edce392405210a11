#!/usr/bin/env node
// The kernel is TypeScript. To run it, Jupyter gets a bundle of it, made once; all else goes through
// tsx, and the kernel as well where a bundle cannot be made.
const { join } = require('node:path');

const [command, file] = process.argv.slice(2);
const bundles = require('./bundle.cjs');
const bundle = (command === 'start' && file) || command === 'build' ? bundles.bundle() : undefined;
if (command === 'build') {
  const isBuilt = bundle && (bundles.snapshot(bundle) || bundles.makeSnapshot(bundle));
  console.log(
    isBuilt ? `Built in ${bundle}` : 'It could not be built: it starts from its sources.',
  );
  process.exitCode = isBuilt ? 0 : 1;
} else if (bundle) {
  require(join(bundle, 'kernel.cjs')).start(file);
} else {
  require('tsx/cjs');
  require('../cli').main(process.argv.slice(2));
}
