import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../backends/engine';
import type { Heap } from '../backends/wasm/kernels/heap';
import { type NamedTensors, weighted } from '../spaces';
import { checkLike } from './check';
import { type Flat, flatProducts, Layout, type Weights, weightedFlat } from './flat';
import { named } from './named';
import { listLayout, type ProgramsAtPoint } from './programs-at-point';
import type { RowSpace } from './row-space';
import type { RowViews } from './traced';

/** The curvature in the coordinates of rows, by programs. */
export function rowSpaceByProgram(programs: ProgramsAtPoint, views: RowViews): RowSpace {
  const { kind, heap, recipe, block } = programs.point;
  const { flats } = programs;
  recipe.expected = views;
  const early = programs.half(views).early!;
  const coordinates = layoutOf(block, views.shapes);
  const { gram, inputsAt } = gramOf(programs, views, early);
  const weights = weightsOf(programs, views, gram, coordinates);
  const flat = flatProducts({
    flats,
    layout: coordinates,
    make: () => programs.makeInPieces(views),
    prepare: (v, q) => programs.product(views, v, q),
    weights,
    checkAlive: () => programs.checkAlive(),
  });
  const slopes = tensorsAt(heap, coordinates, early);
  programs.ownTensors(() => slopes);
  let weightTensors: NamedTensors | undefined;
  programs.ownTensors(() => weightTensors);
  const checkCoordinates = (σ: NamedTensors) => {
    programs.checkAlive();
    checkLike(σ, slopes, 'coordinates');
  };
  return {
    kind,
    gradient: slopes,
    flat,
    get space() {
      weightTensors ??= tensorsAt(heap, gramLayout(block, views), gram);
      return weighted(weightTensors);
    },
    apply(σ) {
      checkCoordinates(σ);
      const from = flats.from(σ, coordinates);
      const weighed = weights.apply(from);
      const out = flats.allocate(coordinates);
      const { sequence, table } = programs.product(views, weighed, out);
      sequence.run(table);
      const result = flats.toTensors(out);
      flats.free([from, weighed, out]);
      return result;
    },
    expand(σ) {
      checkCoordinates(σ);
      const out = Object.values(block).map(({ shape }) => heap.makeOutput([...shape], 'float32'));
      const at = Object.keys(block).map((name) => programs.addressOf(σ[name]!));
      const outAt = out.map((x) => programs.addressOf(x));
      recipe.rows(views).expand.beginAt([...inputsAt(), ...at], 0, outAt);
      return named(
        block,
        out.map((x) => tensorOf(x, heap)),
      );
    },
    dispose() {},
  };
}

/** The Gram matrices of the layers' inputs, and where those inputs are. */
function gramOf(programs: ProgramsAtPoint, views: RowViews, early: Flat) {
  const { inputs, grams } = programs.point.recipe.rows(views);
  const sizes = views.layers.flatMap((layer) => (layer ? [layer.rows ** 2] : []));
  const gram = programs.own(listLayout(sizes));
  const handedOut = early.parts().slice(views.gradient.length);
  let next = 0;
  const places = inputs.map(({ given }) =>
    given === undefined ? { address: handedOut[next++]! } : { given },
  );
  // Of what is given anew each time: it is elsewhere once another backend has had it.
  const inputsAt = () => {
    const { addresses } = programs;
    return places.map(({ address, given }) => address ?? addresses[given]!);
  };
  grams.beginAt(inputsAt(), 0, gram.parts());
  return { gram, inputsAt };
}

/** Products with the Gram matrices. */
function weightsOf(
  programs: ProgramsAtPoint,
  views: RowViews,
  gram: Flat,
  coordinates: Layout,
): Weights {
  const { flats } = programs;
  const { weigh } = programs.point.recipe.rows(views);
  const prepare = (x: Flat, out: Flat) =>
    weigh.prepare('early', [...gram.parts(), ...x.parts()], 0, out.parts());
  const apply = (x: Flat) => {
    programs.checkAlive();
    const out = flats.allocate(coordinates);
    const { sequence, table } = prepare(x, out);
    sequence.run(table);
    return out;
  };
  return { space: weightedFlat(flats, apply), apply, prepare };
}

/** A square matrix for each layer, by the name of its variable. */
function gramLayout(block: NamedTensors, views: RowViews): Layout {
  const like = Object.keys(block).flatMap((name, i) => {
    const rows = views.layers[i]?.rows;
    return rows === undefined ? [] : [[name, { shape: [rows, rows], size: rows ** 2 }] as const];
  });
  return new Layout(Object.fromEntries(like));
}

/** The names of the block with other shapes. */
function layoutOf(block: NamedTensors, shapes: readonly (readonly number[])[]): Layout {
  const like = Object.keys(block).map((name, i) => {
    const shape = shapes[i]!;
    return [name, { shape, size: shape.reduce((a, b) => a * b, 1) }] as const;
  });
  return new Layout(Object.fromEntries(like));
}

/** Kept copies of the numbers at the beginning of a vector. */
function tensorsAt(heap: Heap, layout: Layout, { address }: Flat): NamedTensors {
  const { names, shapes, offsets, sizes } = layout;
  return Object.fromEntries(
    names.map((name, i) => {
      const info = heap.makeOutput([...shapes[i]!], 'float32');
      const to = heap.typedArrayFromHeap(info) as Float32Array;
      to.set(new Float32Array(to.buffer, address + offsets[i]!, sizes[i]!));
      return [name, tf.keep(tensorOf(info, heap))];
    }),
  );
}
