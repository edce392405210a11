import { UnsupportedError } from '../../errors';

/** TensorFlow's own kernels are an addon of Node.js. */
export const findTensorflow = (): { package: string } | { reason: string } => ({
  reason: 'tfjs-node is an addon of Node.js, and this is a page',
});

/** @throws UnsupportedError always. */
export async function useTensorflow(): Promise<{ device: string }> {
  throw new UnsupportedError({
    given: "'tensorflow' in a page",
    expected: 'Node.js, of which tfjs-node is an addon',
    remedy: "Use `useBackend('wasm')`.",
  });
}
