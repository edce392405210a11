import { beforeEach, expect, test, vi } from 'vitest';
import { useBackend } from '.';
import { findAdapter, useWebgpu } from './webgpu';

vi.mock('./webgpu', () => ({ findAdapter: vi.fn(), useWebgpu: vi.fn() }));

const gpu = { device: 'a GPU', software: false, gpu: { requestAdapter: async () => null } };

beforeEach(() => {
  vi.stubEnv('IMPLICIT_BACKEND', '');
  vi.mocked(findAdapter).mockReset().mockResolvedValue(gpu);
  vi.mocked(useWebgpu)
    .mockReset()
    .mockImplementation(async (found) => ({ device: 'device' in found ? found.device : 'none' }));
});

test('a GPU is looked for once, and the one that was found is used', async () => {
  expect(await useBackend()).toEqual({
    name: 'webgpu',
    device: 'a GPU',
    threads: 0,
    why: 'the best that works here',
    passedOver: [],
  });
  expect(findAdapter).toHaveBeenCalledOnce();
  expect(vi.mocked(useWebgpu).mock.calls).toEqual([[gpu]]);
});

test('where it is named it is looked for as well', async () => {
  expect(await useBackend('webgpu')).toMatchObject({ device: 'a GPU', why: 'it was asked for' });
  expect(findAdapter).toHaveBeenCalledOnce();
});

test('a software driver is passed over, and so is a GPU on which nothing starts', async () => {
  vi.mocked(findAdapter).mockResolvedValue({ ...gpu, software: true });
  const passedOver = async () => (await useBackend()).passedOver[0];
  expect(await passedOver()).toEqual({ name: 'webgpu', reason: 'a GPU is a software driver' });
  expect(useWebgpu).not.toHaveBeenCalled();
  vi.mocked(findAdapter).mockResolvedValue(gpu);
  vi.mocked(useWebgpu).mockRejectedValue(new Error('no device'));
  expect(await passedOver()).toEqual({ name: 'webgpu', reason: 'no device' });
});

test('a GPU is not looked for where threads of the processor are asked for', async () => {
  const { passedOver } = await useBackend('auto', { threads: 1 });
  expect(passedOver[0]).toEqual({
    name: 'webgpu',
    reason: 'threads of the processor were asked for',
  });
  expect(findAdapter).not.toHaveBeenCalled();
});
