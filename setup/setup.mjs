import { prepare } from './prepare.mjs';
import { runMain } from './step.mjs';

/** `npm run setup`: installs everything `npm start` would, and starts nothing. */
await runMain(prepare);
