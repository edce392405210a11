import { prepare } from './prepare.mjs';
import { told } from './step.mjs';

/** `npm run setup`: installs everything `npm start` would, and starts nothing. */
await told(prepare);
