import * as tf from '@tensorflow/tfjs';
import { type LinearOperator, type NamedTensors, type WeightedSpace, weighted } from '../spaces';
import { checkLike } from './check';
import type { CurvatureKind } from './curvature-kind';
import type { FlatProducts } from './flat/flat-products';
import { type Graph, graph, isCopy, type Step } from './graph';
import { matMul, reshape } from './kernels';
import { listed, named } from './named';
import type { Node } from './node';
import { type Product, whileAlive } from './product';
import { ROW_PRODUCT } from './rules/row-product';
import { sameShape } from './rules/shapes';
import type { Tape } from './tape';

/**
 * A curvature C in the coordinates of the rows that a batch shows to its dense layers.
 *
 * Of a layer `z = a W`, with the batch's B rows in a `[B × n]` and W `[n × m]`, the gradient is
 * `aᵀ z̄`, and so is every product with C where a does not change with the parameters, or, for
 * Gauss–Newton, whatever a is. What a Krylov solver makes of a gradient and of products is then
 * `v = aᵀσ` with a σ `[B × m]`: fewer numbers than W has where B < n, and products with
 * `K = a aᵀ` in place of products with a. The other parameters are coordinates of their own.
 *
 * `apply(σ)` gives the coordinates of C v. C is symmetric in the inner product of `space`, which is
 * that of the vectors themselves: `⟨aᵀσ, aᵀτ⟩ = ⟨σ, K τ⟩`.
 */
export interface RowSpace extends LinearOperator<NamedTensors> {
  readonly kind: CurvatureKind;
  /** The coordinates of the gradient; owned by the curvature. */
  readonly gradient: NamedTensors;
  readonly space: WeightedSpace;
  /** The products on vectors in the backend's memory, where they are computed by programs. */
  readonly flat?: FlatProducts;
  /** v, in the shapes of the parameters; belongs to the caller. */
  expand(coordinates: NamedTensors): NamedTensors;
}

/** A dense layer `z = a W`. */
export interface Layer {
  node: Node;
  /** W, or what it was reshaped to for the product. */
  leaf: tf.Tensor;
  a: tf.Tensor;
  /** Of z, and of the coordinates. */
  shape: number[];
}

/**
 * From how many products on the row space of a layer is worth it: where the coordinates are fewer, with
 * a margin for the inner products with K, and the products save more than K costs, `rows² inputs`
 * multiplications. A product takes `2 rows inputs outputs` of them without K, and about
 * `3 rows² outputs` with it.
 */
export function leastProducts({ a, shape }: Layer): number {
  const [rows, inputs] = a.shape.slice(-2) as [number, number];
  const saved = shape.at(-1)! * (2 * inputs - 3 * rows);
  return saved > 0 ? Math.floor((rows * inputs) / saved) + 1 : Number.POSITIVE_INFINITY;
}

/**
 * For each leaf of a path, the layer that it is multiplied in, if that is all that is done with it and
 * its row space is worthwhile for that number of products.
 */
export function layersOf({ steps, leaves }: Graph, products: number): (Layer | undefined)[] {
  return leaves.map(({ slot }) => {
    const reader = onlyReader(steps, slot!);
    if (reader?.node.kernelName !== 'Reshape') return layerOf(reader, slot!, products);
    const reshaped = reader.writes[0]!;
    return layerOf(onlyReader(steps, reshaped), reshaped, products);
  });
}

function onlyReader(steps: Step[], slot: number): Step | undefined {
  const readers = steps.filter(({ reads }) => reads.includes(slot));
  return readers.length === 1 ? readers[0] : undefined;
}

function layerOf(step: Step | undefined, slot: number, products: number): Layer | undefined {
  if (step === undefined || !isProduct(step.node)) return undefined;
  const { node, names, reads } = step;
  const { transposeA, transposeB } = node.attrs;
  if (transposeA || transposeB) return undefined;
  if (reads.indexOf(slot) !== names.indexOf('b') || reads.lastIndexOf(slot) !== reads.indexOf(slot))
    return undefined;
  const a = node.saved[0]!;
  const leaf = node.inputs.b!;
  const [rows, inputs] = a.shape.slice(-2) as [number, number];
  const isOne = a.size === rows * inputs && a.rank === leaf.shape.length;
  const { shape } = node.outputs[0]!;
  const layer = { node, leaf, a, shape };
  const least = leastProducts(layer);
  return isOne && least < Number.POSITIVE_INFINITY && products >= least ? layer : undefined;
}

const isProduct = ({ kind, kernelName }: Node) => kind === 'kernel' && kernelName === 'BatchMatMul';

/** The cotangent z̄ of a gradient `aᵀ z̄`: the tensor on the tape, and its value. */
export interface Cotangent {
  tensor: tf.Tensor;
  value: tf.Tensor;
}

/**
 * The z̄ of a gradient, if the tape computed it as nothing but the product of z̄ and the layer's a.
 *
 * @param path from the parameters to the gradients
 */
export function cotangentOf(
  nodes: readonly Node[],
  path: Graph,
  gradient: tf.Tensor,
  layer: Layer,
): Cotangent | undefined {
  const producer = producerOf(nodes, gradient);
  const step = path.steps.find(({ node }) => node === producer);
  // Where a changes too, so does the row space.
  if (step === undefined || !isProduct(step.node) || step.names.includes('a')) return undefined;
  const { attrs, saved, inputs } = step.node;
  const [a, value] = saved as [tf.Tensor, tf.Tensor];
  const isSame = a.dataId === layer.a.dataId && sameShape(a.shape, layer.a.shape);
  if (!attrs.transposeA || attrs.transposeB || !isSame) return undefined;
  return sameShape(value.shape, layer.shape) ? { tensor: inputs.b!, value } : undefined;
}

/** The operation that made a tensor, copies and other shapes of it left aside. */
function producerOf(nodes: readonly Node[], { id }: tf.Tensor): Node | undefined {
  const node = nodes.find(({ outputs }) => outputs.some((output) => output.id === id));
  return node !== undefined && (isCopy(node) || node.kernelName === 'Reshape')
    ? producerOf(nodes, node.inputs.x!)
    : node;
}

/** What the row space of some layers of a block is made of. */
export interface Coordinates {
  space: WeightedSpace;
  /**
   * The path from the coordinates to targets: a layer's product becomes `K σ`.
   *
   * @param weighed whether it begins at `K σ` instead
   */
  pathTo(targets: tf.Tensor[], weighed?: boolean): Graph;
  /** The curvature, by its product with coordinates. */
  curvature(kind: CurvatureKind, gradient: tf.Tensor[], product: Product): RowSpace;
}

/** Coordinates for a block whose parameters, in order, are those of layers, or none. */
export function coordinatesOf(
  tape: Tape,
  block: NamedTensors,
  layers: readonly (Layer | undefined)[],
): Coordinates | undefined {
  if (layers.every((layer) => layer === undefined)) return undefined;
  const names = Object.keys(block);
  const leaves = Object.values(block).map((parameter, i) => layers[i]?.leaf ?? parameter);
  const grams: NamedTensors = {};
  layers.forEach((layer, i) => {
    if (layer) grams[names[i]!] = tape.own(matMul(layer.a, layer.a, false, true));
  });
  const space = weighted(grams);

  const expanded = (σ: tf.Tensor, i: number) => {
    const layer = layers[i];
    if (layer === undefined) return σ.clone();
    return tf.tidy(() => reshape(matMul(layer.a, σ, true, false), Object.values(block)[i]!.shape));
  };
  return {
    space,
    pathTo(targets, weighed = false) {
      const path = graph(tape.nodes, leaves, targets);
      const grammed = new Map(
        layers.map((layer, i) => [layer?.node, weighed ? 'weighed' : grams[names[i]!]] as const),
      );
      return {
        ...path,
        steps: path.steps.map((step) => withRowProduct(step, grammed.get(step.node))),
        leaves: path.leaves.map(({ slot, shape }, i) => ({
          slot,
          shape: layers[i]?.shape ?? shape,
        })),
      };
    },
    curvature(kind, gradient, product) {
      const checked = <T>(σ: NamedTensors, f: () => T): T => {
        tape.checkAlive('curvature');
        checkLike(σ, own, 'coordinates');
        return f();
      };
      const own = named(block, gradient);
      return {
        kind,
        gradient: own,
        space,
        apply: (σ) =>
          checked(σ, () => tf.tidy(() => named(block, product.whole(listed(block, σ))))),
        *applyInPieces(σ) {
          const work = checked(σ, () => product.inPieces(listed(block, σ)));
          return named(block, yield* whileAlive(tape, 'curvature', work));
        },
        expand: (σ) => checked(σ, () => named(block, listed(block, σ).map(expanded))),
        dispose() {},
      };
    },
  };
}

/** The step with the layer's parameter in coordinates, which may have been multiplied by K before. */
function withRowProduct(step: Step, gram: tf.Tensor | 'weighed' | undefined): Step {
  if (gram === undefined) return step;
  const { node } = step;
  const saved = gram === 'weighed' ? node.saved : [...node.saved, gram];
  return { ...step, node: { ...node, kernelName: ROW_PRODUCT, saved } };
}
