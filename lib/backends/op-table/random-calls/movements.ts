import * as tf from '@tensorflow/tfjs';
import type { Maker } from './draws';

/** Moving, taking and repeating what a tensor holds. */
export const movements: Record<string, Maker> = {
  concat: (d) => {
    const shape = d.shape(1 + d.below(4));
    const axis = d.below(shape.length);
    const dtype = d.chance(0.8) ? d.type() : undefined;
    const inputs = Array.from({ length: 1 + d.below(4) }, () =>
      d.tensor(shape.with(axis, d.length()), dtype),
    );
    return { inputs, f: (...xs) => tf.concat(xs, axis) };
  },
  stack: (d) => {
    const shape = d.shape(d.below(4));
    const axis = d.below(shape.length + 1);
    const dtype = d.type();
    const inputs = Array.from({ length: 1 + d.below(3) }, () => d.tensor(shape, dtype));
    return { inputs, f: (...xs) => tf.stack(xs, axis) };
  },
  unstack: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    return { inputs: [x], f: (a) => tf.unstack(a!, axis) };
  },
  split: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    const n = x.shape[axis]!;
    const first = d.below(n + 1);
    return { inputs: [x], f: (a) => tf.split(a!, [first, n - first], axis) };
  },
  slice: (d) => {
    const x = d.tensor(d.shape());
    const begin = x.shape.map((n) => d.below(n + 1));
    const size = x.shape.map((n, i) => d.below(n - begin[i]! + 1));
    return { inputs: [x], f: (a) => tf.slice(a!, begin, size) };
  },
  stridedSlice: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const strides = x.shape.map(() => d.one([1, 1, 2, -1, 3]));
    const ends = x.shape.map((n, i) => {
      const both = [d.below(n + 1), d.below(n + 1)].sort((a, b) => a - b);
      return strides[i]! > 0 ? both : both.reverse();
    });
    const [begin, end] = [0, 1].map((k) => ends.map((both) => both[k]!)) as [number[], number[]];
    return { inputs: [x], f: (a) => tf.stridedSlice(a!, begin, end, strides) };
  },
  transpose: (d) => {
    const x = d.tensor(d.shape());
    const order = x.shape.map((_, i) => i).sort(() => d.random() - 0.5);
    return { inputs: [x], f: (a) => tf.transpose(a!, order) };
  },
  reverse: (d) => {
    const x = d.tensor(d.shape());
    const axes = d.axes(x.shape);
    return { inputs: [x], f: (a) => tf.reverse(a!, axes) };
  },
  tile: (d) => {
    const x = d.tensor(d.shape());
    const reps = x.shape.map(() => d.one([0, 1, 1, 2, 3]));
    return { inputs: [x], f: (a) => tf.tile(a!, reps) };
  },
  broadcastTo: (d) => {
    const shape = d.shape();
    return {
      inputs: [d.tensor(d.broadcasts(shape))],
      f: (a) => tf.broadcastTo(a!, shape),
    };
  },
  pad: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const pads = x.shape.map((): [number, number] => [d.below(3), d.below(3)]);
    const value = d.one([0, 1, 2.5]);
    return { inputs: [x], f: (a) => tf.pad(a!, pads, value) };
  },
  mirrorPad: (d) => {
    const x = d.tensor(d.shape(1 + d.below(3)));
    const pads = x.shape.map((n): [number, number] => [
      d.below(Math.max(1, n)),
      d.below(Math.max(1, n)),
    ]);
    const mode = d.one(['reflect', 'symmetric'] as const);
    return { inputs: [x], f: (a) => tf.mirrorPad(a!, pads, mode) };
  },
  gather: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    const n = x.shape[axis]!;
    const batches = x.shape.includes(0) ? 0 : d.below(axis + 1);
    const shape = [...x.shape.slice(0, batches), ...d.shape(d.below(3))];
    const indices = d.places(n === 0 ? [0] : shape, n);
    const f = (a?: tf.Tensor, i?: tf.Tensor) => tf.gather(a!, i as tf.Tensor1D, axis, batches);
    return { inputs: [x, indices], f };
  },
  gatherND: (d) => {
    const x = d.tensor(d.shape(1 + d.below(3)));
    const depth = 1 + d.below(x.shape.length);
    const few = Math.min(...x.shape.slice(0, depth));
    const indices = d.places([few === 0 ? 0 : d.length(), depth], few);
    return { inputs: [x, indices], f: (a, i) => tf.gatherND(a!, i!) };
  },
  scatterND: (d) => {
    const n = 1 + d.below(5);
    const rows = d.length();
    const rest = d.shape(d.below(3));
    const updates = d.tensor([rows, ...rest]);
    return {
      inputs: [d.places([rows, 1], n), updates],
      f: (i, u) => tf.scatterND(i!, u!, [n, ...rest]),
    };
  },
  tensorScatterUpdate: (d) => {
    const dtype = d.type();
    const x = d.tensor([1 + d.below(5), ...d.shape(d.below(2))], dtype);
    const rows = d.length();
    const updates = d.tensor([rows, ...x.shape.slice(1)], dtype);
    return {
      inputs: [x, d.places([rows, 1], x.shape[0]!), updates],
      f: (a, i, u) => tf.tensorScatterUpdate(a!, i!, u!),
    };
  },
  oneHot: (d) => {
    const depth = 1 + d.below(5);
    const dtype = d.type();
    const [on, off] = [d.one([1, 1, 2.5]), d.one([0, 0, -1])];
    const indices = d.tensor(d.shape(d.below(3)), 'int32', false);
    return { inputs: [indices], f: (i) => tf.oneHot(i!, depth, on, off, dtype) };
  },
  where: (d) => {
    const shape = d.shape();
    const condition = d.tensor(d.broadcasts(shape), d.chance(0.8) ? 'bool' : d.type());
    const inputs = [condition, d.tensor(d.broadcasts(shape)), d.tensor(d.broadcasts(shape))];
    return { inputs, f: (c, a, b) => tf.where(c!, a!, b!) };
  },
  clipByValue: (d) => ({
    inputs: [d.tensor(d.shape())],
    f: (x) => tf.clipByValue(x!, -1.5, 1.5),
  }),
  cast: (d) => {
    const dtype = d.type();
    return { inputs: [d.tensor(d.shape())], f: (x) => tf.cast(x!, dtype) };
  },
  fill: (d) => {
    const [shape, dtype] = [d.shape(), d.type()];
    const value = d.one([0, 1, 2.7, -3.2]);
    return { inputs: [], f: () => tf.fill(shape, value, dtype) };
  },
  diag: (d) => ({ inputs: [d.tensor(d.shape(1 + d.below(2)))], f: (x) => tf.diag(x!) }),
  depthToSpace: (d) => ({
    inputs: [d.tensor([d.length(), d.length(), 2, 4 * d.length()])],
    f: (x) => tf.depthToSpace(x as tf.Tensor4D, 2),
  }),
  batchToSpaceND: (d) => ({
    inputs: [d.tensor([4 * d.length(), 2, d.length(), 2])],
    f: (x) =>
      tf.batchToSpaceND(
        x!,
        [2, 2],
        [
          [0, 1],
          [0, 0],
        ],
      ),
  }),
  spaceToBatchND: (d) => ({
    inputs: [d.tensor([d.length(), 3, 2 * d.length(), 2])],
    f: (x) =>
      tf.spaceToBatchND(
        x!,
        [2, 2],
        [
          [0, 1],
          [0, 0],
        ],
      ),
  }),
  flipLeftRight: (d) => ({
    inputs: [d.tensor(d.shape(4))],
    f: (x) => tf.image.flipLeftRight(x as tf.Tensor4D),
  }),
  resizeBilinear: (d) => {
    const size: [number, number] = [1 + d.below(4), 1 + d.below(4)];
    const [align, half] = d.one([
      [false, false],
      [true, false],
      [false, true],
    ] as const);
    const x = d.tensor([d.length(), 1 + d.below(4), 1 + d.below(4), d.length()], d.type(), false);
    return {
      inputs: [x],
      f: (a) => tf.image.resizeBilinear(a as tf.Tensor4D, size, align, half),
    };
  },
  resizeNearestNeighbor: (d) => {
    const size: [number, number] = [1 + d.below(4), 1 + d.below(4)];
    const x = d.tensor([d.length(), 1 + d.below(4), 1 + d.below(4), d.length()]);
    return { inputs: [x], f: (a) => tf.image.resizeNearestNeighbor(a as tf.Tensor4D, size) };
  },
};
