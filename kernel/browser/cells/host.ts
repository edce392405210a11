import type { Host } from '../../child/host';
import { NOTEBOOKS } from '../places';
import { inspect, ownInspect } from './inspect';
import { mappedStack } from './traces';

/** What the worker of a page has for cells. */
export const workerHost: Host = {
  // What cannot be cloned would be an error of the cell; messages are plain.
  send: (message) => self.postMessage(message),
  inspect,
  ownInspect,
  stackOf: (error) => mappedStack(error.stack),
  isError: (value) => Object.prototype.toString.call(value) === '[object Error]',
  isProxy: () => false,
  isNamespace: (value) => Object.prototype.toString.call(value) === '[object Module]',
  traces: {
    folders: [`${NOTEBOOKS}/`],
    // Frames of the worker's own script, and of the library: both are compiled.
    isKernels: (frame) => /\/cells\.js:\d/.test(frame),
    isPlatforms: (frame) => /^\s+at (?:<anonymous>|.*\(<anonymous>\))$/.test(frame),
  },
};
