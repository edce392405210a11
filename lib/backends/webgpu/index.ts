import * as tf from '@tensorflow/tfjs';
import { type Adapter, openGpu } from '#platform/gpu';
import { UnsupportedError } from '../../errors';
import { refuseMissing } from '../optional';
import { deferEntrywise } from './fusion';
import { repairWebgpuKernels } from './kernels';
import { forgetLostDevice, watchDevice } from './lost';
import { refuseLargeBuffers } from './memory';
import { refuseSynchronousReads } from './reading';

export { type Adapter, findAdapter } from '#platform/gpu';

/**
 * Makes webgpu the current backend, on the adapter that was found.
 *
 * @throws UnsupportedError where there is no adapter, the package of the backend is not installed, or the backend does not start on it.
 */
export async function useWebgpu(adapter: Adapter): Promise<{ device: string }> {
  const refuse = (given: string) =>
    new UnsupportedError({
      given,
      expected: 'a machine with a GPU and its Vulkan driver',
      remedy: "Install a driver, or use `useBackend('wasm')`.",
    });
  if ('reason' in adapter) throw refuse(`one where ${adapter.reason}`);
  await openGpu(adapter.gpu);
  await import('@tensorflow/tfjs-backend-webgpu').catch(
    refuseMissing('@tensorflow/tfjs-backend-webgpu'),
  );
  forgetLostDevice();
  repairWebgpuKernels();
  if (!(await tf.setBackend('webgpu'))) throw refuse(`'${adapter.device}', which does not start`);
  refuseSynchronousReads();
  refuseLargeBuffers();
  watchDevice();
  deferEntrywise();
  return { device: adapter.device };
}
