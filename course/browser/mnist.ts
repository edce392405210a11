import { progress } from '../notebook';
import { MNIST } from '../platform/browser/data';
import { fetchUnpacked } from '../platform/browser/gunzip';
import { assetUrl, host } from '../platform/browser/host';

/** The files by their names, with their sizes in bytes as they are sent. */
type Sizes = Record<string, number>;

let loading: Promise<void> | undefined;

/** Fetches and unpacks the digits, with a progress bar, unless they are there. */
export function loadMnist(): Promise<void> {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<void> {
  const sizes: Sizes = await (await fetch(assetUrl(`${MNIST}/sizes.json`))).json();
  const megabytes = Object.values(sizes).reduce((sum, size) => sum + size, 0) / 1e6;
  const bar = progress(megabytes, 'the MNIST digits, MB');
  let done = 0;
  const received = (bytes: number) => {
    done += bytes / 1e6;
    bar.update(Math.min(done, megabytes));
  };
  try {
    await Promise.all(
      Object.keys(sizes).map(async (name) => {
        const content = await fetchUnpacked(assetUrl(`${MNIST}/${name}.gz`), received);
        host.files.set(`${MNIST}/${name}`, content);
      }),
    );
    // The pieces may add up to a bit less.
    bar.update(megabytes);
  } finally {
    bar.end();
  }
}
