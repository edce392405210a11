import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../backends/engine';
import type { Heap } from '../backends/wasm/kernels/heap';
import { DisposedError } from '../errors';
import { mapTensors, type NamedTensors, weighted } from '../spaces';
import { checkLike } from './check';
import type { Curvature } from './curvature';
import type { CurvatureKind } from './curvature-kind';
import {
  type Flat,
  type FlatProducts,
  flatProducts,
  flatSpaceOn,
  Layout,
  type Weights,
  weightedFlat,
} from './flat';
import { named } from './named';
import type { RowSpace } from './row-space';
import type { CurvatureProgram, CurvatureRecipe, RowViews } from './traced';

/** A loss at a point, with the programs of its structure. */
export interface ProgramPoint {
  kind: CurvatureKind;
  heap: Heap;
  recipe: CurvatureRecipe;
  /** The loss; owned from now on, as is what is given. */
  value: tf.Scalar;
  /** What the programs are handed, in order: the leaves, of which the first are varied, and the rest. */
  given: readonly tf.Tensor[];
  /** Only names and shapes matter. */
  variables: NamedTensors;
  block: NamedTensors;
}

/** What the first half of a program has left for its second. */
interface Half {
  kept: Flat;
  /** What else it has handed out, in order. */
  early: Flat | undefined;
}

/** The curvature of a loss by programs on the backend's memory. */
export function curvatureByProgram(point: ProgramPoint): Curvature {
  const { kind, heap, recipe, value, given, variables, block } = point;
  recipe.retain();
  const flats = flatSpaceOn(heap);
  const addressOf = (x: tf.TensorInfo) => heap.typedArrayFromHeap(x).byteOffset;
  const addresses = given.map(addressOf);
  const infos = Object.values(variables).map(({ shape }) => heap.makeOutput([...shape], 'float32'));
  const gradientAt = infos.map(addressOf);
  const owned: Flat[] = [];
  const own = (layout: Layout) => {
    const flat = flats.keep(flats.allocate(layout));
    owned.push(flat);
    return flat;
  };
  let alive = true;
  const checkAlive = () => {
    if (alive) return;
    throw new DisposedError({
      given: 'a disposed curvature',
      expected: 'a live curvature',
      remedy: 'Record again, or dispose later.',
    });
  };

  const halves = new Map<CurvatureProgram, Half>();
  /** Runs the first half, which gives the gradient too, unless it has run. */
  const half = (of: CurvatureProgram): Half => {
    checkAlive();
    const known = halves.get(of);
    if (known !== undefined) return known;
    const { program } = recipe.halves(of);
    const kept = own(numbersLayout(program.keptBytes / 4));
    const early = typeof of === 'string' ? undefined : own(earlyLayout(of));
    program.beginAt(addresses, kept.address, [...gradientAt, ...(early?.parts() ?? [])]);
    const made = { kept, early };
    halves.set(of, made);
    return made;
  };
  const productOf = (of: Exclude<CurvatureProgram, 'gradient'>, v: Flat, q: Flat) => {
    const { kept } = half(of);
    const { program, first, from } = recipe.halves(of);
    const all = [...addresses];
    v.parts().forEach((address, i) => {
      all[from + i] = address;
    });
    const outputs = new Array<number>(first).fill(0);
    return program.prepare('late', all, kept.address, [...outputs, ...q.parts()]);
  };

  half(recipe.expected);
  const gradient = named(variables, infos.map(tensorOf));
  for (const each of Object.values(gradient)) tf.keep(each);

  let whole: FlatProducts | undefined;
  const wholeProducts = () => {
    recipe.expected = 'whole';
    whole ??= flatProducts({
      flats,
      layout: new Layout(block),
      prepare: (v, q) => productOf('whole', v, q),
      checkAlive,
    });
    return whole;
  };
  const applyWhole = (v: NamedTensors): NamedTensors => {
    checkAlive();
    checkLike(v, block, 'a direction');
    const products = wholeProducts();
    const from = products.from(v);
    const out = flats.allocate(from.layout);
    const { sequence, table } = productOf('whole', from, out);
    sequence.run(table);
    const result = products.toTensors(out);
    flats.free([from, out]);
    return result;
  };

  let rows: { found: RowSpace | undefined } | undefined;
  const rowsFor = (views: RowViews): RowSpace => {
    recipe.expected = views;
    const early = half(views).early!;
    const { inputs, grams, weigh, expand } = recipe.rows(views);
    const coordinates = layoutOf(block, views.shapes);
    const sizes = views.layers.flatMap((layer) => (layer ? [layer.rows ** 2] : []));
    const gram = own(listLayout(sizes));
    const handedOut = early.parts().slice(views.gradient.length);
    const inputsAt = inputs.map(({ given }) =>
      given === undefined ? handedOut.shift()! : addresses[given]!,
    );
    grams.beginAt(inputsAt, 0, gram.parts());
    const prepareWeights = (x: Flat, out: Flat) =>
      weigh.prepare('early', [...gram.parts(), ...x.parts()], 0, out.parts());
    const applyWeights = (x: Flat) => {
      checkAlive();
      const out = flats.allocate(coordinates);
      const { sequence, table } = prepareWeights(x, out);
      sequence.run(table);
      return out;
    };
    const weights: Weights = {
      space: weightedFlat(flats, applyWeights),
      apply: applyWeights,
      prepare: prepareWeights,
    };
    const flat = flatProducts({
      flats,
      layout: coordinates,
      prepare: (v, q) => productOf(views, v, q),
      weights,
      checkAlive,
    });
    const slopes = tensorsAt(heap, coordinates, early);
    const asTensors = () => {
      const layered = Object.keys(block).filter((_, i) => views.layers[i] !== undefined);
      const rowsOf = views.layers.flatMap((layer) => (layer ? [layer.rows] : []));
      const like = Object.fromEntries(
        layered.map((name, i) => [
          name,
          { shape: [rowsOf[i]!, rowsOf[i]!], size: rowsOf[i]! ** 2 },
        ]),
      );
      return tensorsAt(heap, new Layout(like), gram);
    };
    let weightTensors: NamedTensors | undefined;
    keptTensors.push(slopes);
    return {
      kind,
      gradient: slopes,
      flat,
      get space() {
        weightTensors ??= asTensors();
        if (!keptTensors.includes(weightTensors)) keptTensors.push(weightTensors);
        return weighted(weightTensors);
      },
      apply(σ) {
        checkAlive();
        checkLike(σ, slopes, 'coordinates');
        const from = flats.from(σ, coordinates);
        const weighed = applyWeights(from);
        const out = flats.allocate(coordinates);
        const { sequence, table } = productOf(views, weighed, out);
        sequence.run(table);
        const result = flats.toTensors(out);
        flats.free([from, weighed, out]);
        return result;
      },
      expand(σ) {
        checkAlive();
        checkLike(σ, slopes, 'coordinates');
        const out = Object.values(block).map(({ shape }) => heap.makeOutput([...shape], 'float32'));
        const at = Object.keys(block).map((name) => addressOf(σ[name]!));
        expand.beginAt([...inputsAt, ...at], 0, out.map(addressOf));
        return named(block, out.map(tensorOf));
      },
      dispose() {},
    };
  };
  const keptTensors: NamedTensors[] = [];

  return {
    kind,
    get value() {
      checkAlive();
      return value;
    },
    get gradient() {
      checkAlive();
      return gradient;
    },
    get flat() {
      checkAlive();
      return wholeProducts();
    },
    apply: applyWhole,
    transpose: applyWhole,
    // By a program a product is one call.
    *applyInPieces(v) {
      return mapTensors(applyWhole(v), (x) => tf.keep(x));
    },
    rowSpace(products = Number.POSITIVE_INFINITY) {
      checkAlive();
      if (rows === undefined) {
        const views = recipe.views.rows.findLast((each) => each.products <= products);
        rows = { found: views && rowsFor(views) };
      }
      return rows.found;
    },
    dispose() {
      if (!alive) return;
      alive = false;
      flats.free(owned);
      tf.dispose([value, gradient, keptTensors, [...given]]);
      recipe.release();
    },
  };
}

const numbersLayout = (size: number) => listLayout([Math.max(1, size)]);

/** Lists of the given lengths, one after the other, each where four numbers can be read at once. */
function listLayout(sizes: readonly number[]): Layout {
  return new Layout(
    Object.fromEntries(sizes.map((size, i) => [`${i}`.padStart(9, 'n'), { shape: [size], size }])),
  );
}

/** The coordinates of the gradient, and after them the inputs of layers that are computed. */
const earlyLayout = ({ gradient, layers }: RowViews): Layout =>
  listLayout([
    ...gradient.map(({ value }) => value.size),
    ...layers.flatMap((layer) =>
      layer && layer.a.value.given === undefined ? [layer.rows * layer.inputs] : [],
    ),
  ]);

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
      return [name, tf.keep(tensorOf(info))];
    }),
  );
}
