import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

/**
 * The value of an expression in `tf`, which is TensorFlow.js as it was installed, in a process of its
 * own.
 */
export async function evaluateInStock(expression: string): Promise<unknown> {
  const tfjs = JSON.stringify(createRequire(__filename).resolve('@tensorflow/tfjs'));
  const program = `
    const answer = (given) => process.stdout.write(JSON.stringify(given));
    try {
      const tf = require(${tfjs});
      tf.setBackend('cpu');
      answer({ value: ${expression} });
    } catch (error) {
      answer({ error: String(error) });
    }`;
  // Preloads, as tsx in a notebook, would only make it slower.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], {
    env,
    maxBuffer: 1e8,
  });
  const { value, error }: { value: unknown; error?: string } = JSON.parse(stdout);
  if (error !== undefined) throw new Error(error);
  return value;
}
