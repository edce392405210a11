import { assetUrl } from './host';

/** What the worker with stock TensorFlow.js (`course/browser/stock.ts`) answers. */
export type StockAnswer = { json: string } | { error: string };

/**
 * The value of an expression in `tf`, which is TensorFlow.js as it was installed, in a worker of its
 * own.
 */
export function evaluateInStock(expression: string): Promise<unknown> {
  const worker = new Worker(assetUrl('stock.js'), { type: 'module' });
  return new Promise<unknown>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<StockAnswer>) => {
      if ('error' in data) reject(new Error(data.error));
      else resolve(JSON.parse(data.json));
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(expression);
  }).finally(() => worker.terminate());
}
