import * as tf from '@tensorflow/tfjs';
import { implicitSGD } from '../../lib/descent';
import { cg, type DeferredSolution, type LinearSolver, type Solution } from '../../lib/solvers';
import { type LinearOperator, type NamedTensors, tensors, type Vector } from '../../lib/spaces';
import { markdownTable } from './grid';
import { shown } from './savings';
import { disposeTask, type StudyTask, studyTasks } from './tasks';
import { lossOf, variablesOf } from './train';

/** Written down before the runs. */
const [STEPS, SEEDS] = [12, [2, 3, 4]];

/** Would a start from the solution of the step before save iterations? */
export async function warmStart(): Promise<string> {
  const rows = studyTasks.map((maker) => {
    const task = maker.make();
    const row = compared(task);
    disposeTask(task);
    console.log(Object.values(row).join(', '));
    return row;
  });
  return `${STEPS} steps of \`implicitSGD('auto')\` from each of ${SEEDS.length} seeds. Each system is solved to a relative residual of 0.1 from 0, which is the step taken, and once more from the solution of the step before. “Residual at the start” is ‖g − (I + δC)s‖/‖g‖ with that solution s; it is 1 for a start from 0. Median (least … largest) over steps and seeds.

${markdownTable(rows)}`;
}

function compared(task: StudyTask): Record<string, string> {
  const solver = new WarmAndCold();
  for (const seed of SEEDS) {
    const optimizer = implicitSGD('auto', {
      curvature: 'gauss-newton',
      solver: solver.asSolver(),
    });
    const variables = variablesOf(task.model, seed);
    const list = Object.values(variables);
    for (let t = 0; t < STEPS; t++) {
      const rows = (all: tf.Tensor2D) =>
        tf.slice(all, [t * task.batch, 0], [task.batch, -1]) as tf.Tensor2D;
      const batch = { x: rows(task.train.x), y: rows(task.train.y) };
      optimizer.minimize(() => lossOf(task, batch)(variables), false, list);
      tf.dispose([batch.x, batch.y]);
    }
    optimizer.dispose();
    solver.dispose();
    tf.dispose(list);
  }
  return {
    network: task.name,
    'iterations from 0': shown(solver.cold),
    'from the last solution': shown(solver.warm),
    'residual at the start': shown(solver.residuals),
  };
}

/** Solves from 0, and once more from the solution before, to compare; the first one is the result. */
class WarmAndCold {
  readonly cold: number[] = [];
  readonly warm: number[] = [];
  readonly residuals: number[] = [];
  readonly #base = cg({ tolerance: 0.1, maxIterations: 50, best: 'energy' });
  #last: NamedTensors | undefined;

  asSolver(): LinearSolver {
    const solve = <V extends Vector>(A: LinearOperator<V>, b: V) => this.#solve(A, b);
    const deferred = <V extends Vector>(A: LinearOperator<V>, b: V): DeferredSolution<V> => {
      const { value, ...report } = solve(A, b);
      return { value, report: async () => report, dispose() {} };
    };
    return {
      name: 'warm and cold',
      solve: async (A, b) => solve(A, b),
      solveSync: solve,
      solveDeferred: deferred,
    };
  }

  #solve<V extends Vector>(A: LinearOperator<V>, b: V): Solution<V> {
    const solution = this.#base.solveSync(A, b);
    const last = this.#last as V | undefined;
    if (last !== undefined) {
      const warm = this.#base.solveSync(A, b, { start: last });
      this.cold.push(solution.iterations);
      this.warm.push(warm.iterations);
      this.residuals.push(residualShare(A, b as NamedTensors, last as NamedTensors));
      tensors.free(warm.value as NamedTensors);
    }
    this.dispose();
    this.#last = tensors.keep(tensors.clone(solution.value as NamedTensors));
    return solution;
  }

  dispose(): void {
    tensors.free(this.#last);
    this.#last = undefined;
  }
}

/** ‖b − A x‖/‖b‖. */
function residualShare<V extends Vector>(
  A: LinearOperator<V>,
  b: NamedTensors,
  x: NamedTensors,
): number {
  return tf.tidy(() => {
    const r = tensors.axpy(tf.scalar(-1), A.apply(x as V) as NamedTensors, b);
    const [rr, bb] = [r, b].map((v) => tensors.dot(v, v).dataSync()[0]!) as [number, number];
    return Math.sqrt(rr / bb);
  });
}
