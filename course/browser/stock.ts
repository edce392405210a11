/** A worker in which TensorFlow.js is as it was installed: nothing here imports the library. */
import * as tf from '@tensorflow/tfjs';
import type { StockAnswer } from '../platform/browser/stock';

// The kernel puts a beat, which uses these, at the head of each loop of a cell, and so of a function sent here.
Object.assign(globalThis, { __beat: () => 0, __left: 0, __quickLeft: 0 });

self.onmessage = async ({ data: expression }: MessageEvent<string>) => {
  const answer = (given: StockAnswer) => self.postMessage(given);
  try {
    await tf.setBackend('cpu');
    const value: unknown = new Function('tf', `return (${expression});`)(tf);
    answer({ json: JSON.stringify(value) });
  } catch (error) {
    answer({ error: String(error) });
  }
};
