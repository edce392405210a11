import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { checkNoMore, phrase } from '../options';
import type { Curvature } from './curvature';
import type { Step } from './graph';
import { insideOf } from './inside';
import { kernelNames } from './kernel-names';
import type { Linearization } from './linearize';
import { compile } from './plan';
import { Cut, Join } from './plan/rows';
import { Sum } from './plan/sum';
import { Multiple, Product, type Term } from './plan/terms';
import type { Instruction, Program } from './program';
import { ruleFor } from './rules';
import { Values } from './values';

/** One line: a recorded operation, or an instruction that the plan has added. */
export interface ExplainedStep {
  /** The kernel's name; `(planned)` for an instruction that belongs to several operations. */
  operation: string;
  /** The inputs that vary with the variables, and the outputs: `[128,784] → [128,200]`. */
  shapes: string;
  /** The rule that gives the derivative, as it is called in `lib/autodiff/rules`. */
  rule: string;
  /** How the plan computes it: `d ⊙ x`, `x·C`, a sum of these; empty if it is part of another line. */
  plan: string;
  /** The kernels that one product runs for it, in order. */
  kernels: string;
}

/** A step whose output another step reads, both by their places in `steps`; −1 is the vector. */
export interface ExplainedEdge {
  from: number;
  to: number;
}

/** What one product with a recorded operator consists of; prints as a table. */
export interface Explanation {
  /** Which product: `H v`. */
  readonly product: string;
  readonly steps: readonly ExplainedStep[];
  /** How the recorded operations depend on each other, each pair once. */
  readonly edges: readonly ExplainedEdge[];
  toString(): string;
}

const COLUMNS = ['operation', 'shapes', 'rule', 'plan', 'kernels'] as const;

/**
 * Explains what one product with a recorded curvature or linearization does, operation by operation.
 *
 * `H v` for a Hessian, `J v` for a linearization, J v alone for Gauss–Newton (its product is Jᵀ S J v).
 * A line per recorded operation on a path from the variables: its shapes, the rule of its derivative,
 * how the plan computes it, and the kernels that a product runs for it. Operations whose derivative
 * was merged into a later line have neither plan nor kernels. `String(explanation)` and `console.log`
 * show a table; a notebook shows it formatted, below a graph of the operations. It plans the product again and runs it once, with zeros.
 *
 * When not to use it: a Hessian whose product is pulled backwards is shown as it would be pushed.
 *
 * @throws InputError unless it is given what `hessian`, `gaussNewton`, `recordGradient` or `linearize`
 *   returned; DisposedError if that was disposed.
 */
export function explain(
  recorded: Curvature | Linearization<tf.Tensor> | Linearization<tf.NamedTensorMap>,
): Explanation {
  checkNoMore('explain', arguments, 1);
  const inside = insideOf(recorded);
  if (inside === undefined) {
    throw new InputError({
      given: `${phrase(recorded)} to explain`,
      expected: 'a curvature or a linearization',
      remedy: 'Pass what hessian, gaussNewton, recordGradient or linearize has returned.',
    });
  }
  // Throws where it is disposed.
  void recorded.value;
  const { product, tape, path } = inside();
  const program = tape.within(() => compile(path, tape));
  const kernels = tape.within(() => kernelsOf(program, path.leaves));
  const steps = linesOf(path.steps, program, kernels);
  const edges = edgesOf(path.steps);
  return Object.defineProperties({ product, steps, edges } as Explanation, {
    toString: { value: () => text(product, steps) },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: () => text(product, steps) },
  });
}

function linesOf(
  steps: readonly Step[],
  { instructions }: Program,
  kernels: ReadonlyMap<Instruction, string[]>,
): ExplainedStep[] {
  const writer = new Map<number, Instruction>();
  for (const each of instructions) {
    for (const slot of each.writes) if (slot !== undefined) writer.set(slot, each);
  }
  const own = new Set<Instruction>();
  const lines = steps.map((step): ExplainedStep => {
    const slot = step.writes.find((slot) => slot !== undefined);
    const instruction = slot === undefined ? undefined : writer.get(slot);
    if (instruction) own.add(instruction);
    const { node, names } = step;
    return {
      operation: node.kind === 'custom' ? `${node.kernelName} (custom)` : node.kernelName,
      shapes: `${shapesOf(names.map((name) => node.inputs[name]!))} → ${shapesOf(node.outputs)}`,
      rule: ruleFor(step).name,
      plan: instruction ? planOf(instruction) : '',
      kernels: instruction ? countedNames(kernels.get(instruction)!) : '',
    };
  });
  const added = instructions.filter((each) => !own.has(each));
  return [
    ...lines,
    ...added.map((each) => ({
      operation: '(planned)',
      shapes: '',
      rule: '',
      plan: planOf(each),
      kernels: countedNames(kernels.get(each)!),
    })),
  ];
}

function edgesOf(steps: readonly Step[]): ExplainedEdge[] {
  const writer = new Map<number, number>();
  steps.forEach(({ writes }, i) => {
    for (const slot of writes) if (slot !== undefined) writer.set(slot, i);
  });
  return steps.flatMap(({ reads }, to) =>
    [...new Set(reads.map((slot) => writer.get(slot) ?? -1))].map((from) => ({ from, to })),
  );
}

const shapesOf = (tensors: readonly tf.Tensor[]) =>
  tensors.map(({ shape }) => `[${shape}]`).join(' ');

function planOf(instruction: Instruction): string {
  if (instruction instanceof Sum) return instruction.terms.map(termText).join(' + ');
  if (instruction instanceof Cut) return `cut into ${instruction.writes.length}`;
  if (instruction instanceof Join) return `stack ${instruction.reads.length}`;
  return instruction.preferPull ? 'rule, backwards' : 'rule';
}

function termText(term: Term): string {
  if (term instanceof Multiple) {
    if (term.factor === 1) return 'x';
    return term.factor === -1 ? '(−x)' : 'd ⊙ x';
  }
  if (!(term instanceof Product)) return 'term';
  const { side, transposed, constantTransposed } = term.layout;
  const [x, C] = [transposed ? 'xᵀ' : 'x', constantTransposed ? 'Cᵀ' : 'C'];
  return side === 'left' ? `${x}·${C}` : `${C}·${x}`;
}

/** `Add, Multiply × 2`. */
function countedNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} × ${count}` : name)).join(', ');
}

/** The kernels that each instruction runs in a product; what is computed once was so before. */
function kernelsOf(
  program: Program,
  leaves: readonly { slot: number | undefined; shape: number[] }[],
): Map<Instruction, string[]> {
  const { instructions, slots } = program;
  const found = new Map<Instruction, string[]>();
  tf.tidy(() => {
    const zeros = leaves.map(({ shape }) => tf.zeros(shape));
    // What an instruction keeps is computed by the first product.
    program.push(zeros);
    const values = new Values(slots, zeros);
    leaves.forEach(({ slot }, i) => {
      values.put(slot!, zeros[i]!);
    });
    for (const each of instructions)
      found.set(
        each,
        kernelNames(() => each.push(values)),
      );
  });
  return found;
}

function text(product: string, steps: readonly ExplainedStep[]): string {
  const rows = [COLUMNS.map(String), ...steps.map((step) => COLUMNS.map((name) => step[name]))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  '));
  return [product, ...lines.map((line) => line.trimEnd())].join('\n');
}
