import type { Node } from '../node';
import type { Tape } from '../tape';

/** Custom gradients of TensorFlow.js itself, by the scope they run in: they depend on tensors alone. */
const known = new Set(['logSoftmax__op']);

const isOwn = ({ kind, kernelName }: Node) => kind !== 'custom' || known.has(kernelName);

/** Whether no gradient on the tape is a user's: what that computes may depend on numbers that no kernel shows. */
export const isTraceable = ({ nodes }: Tape): boolean => nodes.every(isOwn);
