import type * as tf from '@tensorflow/tfjs';
import type * as lab from '../../lib';

/** The library, from a bundle in a page or from its sources in Node.js. */
export interface Packages {
  library: typeof lab;
  tensorflow: typeof tf;
}

export type Backend = 'cpu' | 'wasm' | 'webgpu';

/** The solution of a small system, in float64. */
export async function solve({ library }: Packages): Promise<number[]> {
  const A = {
    apply: ([x, y]: Float64Array) => Float64Array.of(2 * x! + y!, x! + 3 * y!),
    dispose() {},
  };
  const { value } = await library.cg({ tolerance: 1e-10 }).solve(A, Float64Array.of(3, 4));
  return [...value];
}

/** The weights of a small network after two implicit steps. */
export async function step({ library, tensorflow }: Packages, backend: Backend): Promise<number[]> {
  await library.useBackend(backend);
  const { x, labels, dispose } = examples(library, tensorflow);
  const w = tensorflow.variable(normals(library, tensorflow, 3, [4, 3]));
  const c = tensorflow.variable(tensorflow.zeros([3]));
  const loss = () =>
    library.softmaxCrossEntropy(
      labels,
      library.markOutput(tensorflow.add(tensorflow.matMul(x, w as tf.Tensor2D), c)),
    );
  const optimizer = library.implicitSGD(2, { curvature: 'gauss-newton' });
  for (let k = 0; k < 2; k++) await optimizer.step(loss as () => tf.Scalar, [w, c]);
  const numbers = [...(await w.data()), ...(await c.data())];
  tensorflow.dispose([w, c]);
  dispose();
  return numbers;
}

/** The derivative of a validation error with respect to a penalty, by one linear system. */
export async function hypergradient(
  { library, tensorflow }: Packages,
  backend: Backend,
): Promise<number[]> {
  await library.useBackend(backend);
  const [X, Xv] = [
    normals(library, tensorflow, 5, [40, 5]),
    normals(library, tensorflow, 6, [40, 5]),
  ];
  const [y, yv] = [
    normals(library, tensorflow, 7, [40, 1]),
    normals(library, tensorflow, 8, [40, 1]),
  ];
  const error = (X: tf.Tensor, y: tf.Tensor, w: tf.Tensor) =>
    tensorflow.mean(
      tensorflow.square(tensorflow.sub(tensorflow.matMul(X as tf.Tensor2D, w as tf.Tensor2D), y)),
    );
  const ridge = {
    inner: ({ w }: Record<string, tf.Tensor>, { penalty }: Record<string, tf.Tensor>) =>
      tensorflow.add(
        error(X, y, w!),
        tensorflow.mul(tensorflow.exp(penalty!), tensorflow.sum(tensorflow.square(w!))),
      ) as tf.Scalar,
    outer: ({ w }: Record<string, tf.Tensor>) => error(Xv, yv, w!) as tf.Scalar,
  };
  const { gradientDescent, implicit, cg, unrolled } = library;
  const λ = { penalty: tensorflow.scalar(-2) };
  const steps = unrolled({ method: gradientDescent(0.2), steps: 60 });
  const through = await library.hypergradient(ridge, { w: tensorflow.zeros([5, 1]) }, λ, steps);
  const { value } = await library.hypergradient(ridge, through.w, λ, implicit({ solver: cg() }));
  return [...(await through.value.penalty!.data()), ...(await value.penalty!.data())];
}

function examples(library: Packages['library'], tensorflow: Packages['tensorflow']) {
  const x = normals(library, tensorflow, 1, [30, 4]) as tf.Tensor2D;
  const labels = tensorflow.tidy(() =>
    tensorflow.oneHot(
      tensorflow.tensor1d(
        Array.from({ length: 30 }, (_, i) => i % 3),
        'int32',
      ),
      3,
    ),
  ) as tf.Tensor2D;
  return { x, labels, dispose: () => tensorflow.dispose([x, labels]) };
}

function normals(
  library: Packages['library'],
  tensorflow: Packages['tensorflow'],
  seed: number,
  shape: [number, number],
): tf.Tensor {
  const source = library.random(seed);
  const numbers = Float32Array.from({ length: shape[0] * shape[1] }, () => source.uniform() - 0.5);
  return tensorflow.tensor(numbers, shape);
}
