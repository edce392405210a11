import { NO_FACTOR, RIGHT } from '../../course/exercises/cli/class-testing';
import { linesOf, type Notebook, textOf } from '../../course/exercises/source/notebook';
import type { Kernel, Outcome, Student } from '../../test/hub/student';

const LESSONS = ['01-stiffness', '02-implicit-gradient-descent', '08-derivative-of-an-argmin'];
const EXERCISES = 'exercises/09-inverse-hessian-products.ipynb';
const CHECK = "check('neumann-01'";
const FUNCTION = 'inverseRoot';
const FIGURE = 'application/vnd.plotly.v1+json';
/** How often a step is begun again before it counts as failed. */
const MOST_TRIES = 6;

/** What became of a student's afternoon. */
export interface Story {
  name: string;
  /** Seconds from the login to the first result of a cell, and to the first figure. */
  firstResult?: number;
  firstFigure?: number;
  /** What went wrong for good. */
  failure?: string;
  /** What was gone that should have been there. */
  lost: string[];
  /** What the student was told where a kernel or a server ended. */
  messages: string[];
}

/** Logs in, runs a lesson to its first figure, does an exercise wrong and right, comes back. */
export class Learner {
  readonly story: Story;
  private readonly began = performance.now();
  private readonly lesson: string;

  constructor(
    private readonly student: Student,
    index: number,
  ) {
    this.story = { name: student.name, lost: [], messages: [] };
    this.lesson = `notebooks/${LESSONS[index % LESSONS.length]}.ipynb`;
  }

  async work(): Promise<Story> {
    try {
      await this.step(() => this.enter());
      await this.step(() => this.read());
      await this.step(() => this.answer(NO_FACTOR, /the factor/));
      await this.step(() => this.answer(RIGHT, /✓/));
      await this.step(() => this.comeBack());
    } catch (error) {
      this.story.failure = error instanceof Error ? error.message : String(error);
    }
    return this.story;
  }

  /** Where something ends meanwhile, a student reads what it says and goes on from what is saved. */
  private async step(work: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (tries === MOST_TRIES || !(error instanceof Error)) throw error;
        this.story.messages.push(error.message.slice(0, 200));
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await this.student.startServer();
      }
    }
  }

  private seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  private async enter(): Promise<void> {
    if (!(await this.student.logIn())) throw new Error('not let in');
    await this.student.startServer();
  }

  private async read(): Promise<void> {
    const { cells } = await this.student.open(this.lesson);
    await this.with(this.lesson, async (kernel) => {
      for (const code of codeOf(cells)) {
        const outcome = await runWell(kernel, code);
        this.story.firstResult ??= this.seconds();
        if (outcome.outputs.some(({ data }) => FIGURE in data)) break;
      }
      this.story.firstFigure ??= this.seconds();
    });
  }

  private async answer(code: string, told: RegExp): Promise<void> {
    const notebook = await this.student.open(EXERCISES);
    const cell = notebook.cells.find((one) => textOf(one).includes(`function ${FUNCTION}`));
    if (!cell) throw new Error(`the exercise has no function ${FUNCTION}`);
    const text = textOf(cell);
    const end = [text.indexOf('return todo();'), text.indexOf(FIRST_LINE)].find((at) => at >= 0);
    if (end === undefined) throw new Error('the stub of the exercise is not there');
    const start = text.slice(0, end);
    cell.source = linesOf(`${start}${FIRST_LINE}${code.replaceAll('[i]', '[i]!').trimEnd()}\n}`);
    await this.student.save(EXERCISES, notebook);
    await this.with(EXERCISES, async (kernel) => {
      for (const source of codeOf(notebook.cells)) {
        const outcome = await runWell(kernel, source);
        if (!source.includes(CHECK)) continue;
        if (!told.test(shown(outcome))) {
          throw new Error(`the check said ${shown(outcome).slice(0, 300)}`);
        }
        break;
      }
      await runWell(kernel, 'const answered = true;');
    });
  }

  private async comeBack(): Promise<void> {
    const notebook = await this.student.open(EXERCISES);
    const answer = notebook.cells.map(textOf).find((text) => text.includes(FIRST_LINE)) ?? '';
    if (!answer.includes('Math.sqrt(alpha)')) this.story.lost.push('an answer');
    await this.with(EXERCISES, async (kernel) => {
      const { status, text } = await kernel.run('answered');
      // A kernel that has ended holds nothing: that is told, and the cells are run again.
      if (status !== 'ok') this.story.messages.push(text.slice(0, 200));
      else if (text.trim() !== 'true') this.story.lost.push(`a variable: ${text}`);
    });
  }

  private async with(path: string, use: (kernel: Kernel) => Promise<void>): Promise<void> {
    const kernel = await this.student.kernelOf(path);
    try {
      await use(kernel);
    } finally {
      kernel.disconnect();
    }
  }
}

const FIRST_LINE = '// My answer.';

const codeOf = (cells: Notebook['cells']) =>
  cells.filter(({ cell_type }) => cell_type === 'code').map(textOf);

const shown = ({ text, outputs }: Outcome) =>
  text + outputs.map(({ data }) => JSON.stringify(data)).join('\n');

async function runWell(kernel: Kernel, code: string): Promise<Outcome> {
  const outcome = await kernel.run(code);
  if (outcome.status !== 'ok') throw new Error(`${outcome.status}: ${outcome.text.slice(0, 200)}`);
  return outcome;
}
