import * as il from '..';
import { fuzzEveryFunction } from './every-function';
import { recipes } from './recipes';

// It acts on the process.
fuzzEveryFunction(il, { recipes, leftOut: ['useBackend'] });
