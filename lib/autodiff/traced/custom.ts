import type { Node } from '../node';
import type { Tape } from '../tape';

/** Custom gradients of TensorFlow.js itself depend on tensors alone. */
const isOwn = ({ kind, isStock }: Node) => kind !== 'custom' || isStock === true;

/** Whether no gradient on the tape is a user's: what that computes may depend on numbers that no kernel shows. */
export const isTraceable = ({ nodes }: Tape): boolean => nodes.every(isOwn);
