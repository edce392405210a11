import type { FunctionBody, Local } from '../assembler';
import { type Expression, writeExpression } from './expression';
import { BLOCK, LANES, type Loop, type Pattern, poolOf } from './loop';

const CHEAP: readonly string[] = [
  ...['add', 'subtract', 'multiply', 'divide', 'minimum', 'maximum', 'absolute', 'negate', 'root'],
  ...['equal', 'differ', 'less', 'greater', 'atMost', 'atLeast', 'choose'],
];

const MOST_NODES = 8;

/** Whether an expression takes so few instructions that loops over several rows at once are faster. */
export function isCheap(expression: Expression): boolean {
  let nodes = 0;
  const visit = (each: Expression): boolean => {
    if (each.kind !== 'apply') return true;
    return ++nodes <= MOST_NODES && CHEAP.includes(each.name) && each.of.every(visit);
  };
  return visit(expression);
}

/** The locals of a loop. */
interface Shared {
  out: Local;
  rows: Local;
  columns: Local;
  inputs: readonly Local[];
  /** What inputs with one entry for all are. */
  splats: readonly Local[];
  at: Local;
  whole: Local;
  row: Local;
}

/** An input, by its number, and its address. */
interface Input {
  i: number;
  pointer: Local;
}

/** How many rows are summed at once. */
const GROUP = 4;
const GROUP_ROWS = [0, 1, 2, 3];

/**
 * The sums of rows and columns in whole groups of rows: what is read of the columns is read once for a
 * group, and the additions of one row do not wait for those of another. The rest of the rows is left.
 */
export function writeGroups(f: FunctionBody, loop: Loop, shared: Shared): void {
  if (loop.into === 'column sums') new GroupWriter(f, loop, shared).columnSums();
  else if (loop.into === 'row sums') new GroupWriter(f, loop, shared).rowSums();
}

class GroupWriter {
  readonly #columnInputs: readonly Input[];
  readonly #placeInputs: readonly Input[];
  readonly #rowInputs: readonly Input[];
  /** For each input, the locals of the rows of a group, or that of all of them. */
  readonly #pointers: ReadonlyMap<number, readonly Local[]>;
  readonly #ofRows: ReadonlyMap<number, readonly Local[]>;
  readonly #ofColumn: ReadonlyMap<number, Local>;
  readonly #end: Local;
  readonly #evaluation: ReturnType<typeof poolOf>;

  constructor(
    private readonly f: FunctionBody,
    private readonly loop: Loop,
    private readonly shared: Shared,
  ) {
    const having = (pattern: Pattern): Input[] =>
      shared.inputs.flatMap((pointer, i) => (loop.patterns[i] === pattern ? [{ i, pointer }] : []));
    const perRow = (inputs: readonly Input[], type: 'i32' | 'v128') =>
      new Map(inputs.map(({ i }) => [i, f.localsOf(type, GROUP)]));
    this.#placeInputs = having('place');
    this.#rowInputs = having('row');
    this.#columnInputs = having('column');
    this.#pointers = perRow(this.#placeInputs, 'i32');
    this.#ofRows = perRow(this.#rowInputs, 'v128');
    this.#ofColumn = new Map(this.#columnInputs.map(({ i }) => [i, f.local('v128')]));
    this.#end = f.local('i32');
    this.#evaluation = poolOf(f);
  }

  columnSums(): void {
    const { f } = this;
    const { out, at, whole, columns } = this.shared;
    const addTo = (lanes: 1 | 4) => {
      for (const _ of [0, 1]) f.get(out, at).do('i32.add');
      f.memory(LANES[lanes].load);
      for (const r of GROUP_ROWS) this.#value(lanes, r).do('f32x4.add');
      f.memory(LANES[lanes].store);
    };
    this.#groups(() => {
      this.#along(whole, 4, () => addTo(4));
      this.#along(columns, 1, () => addTo(1));
    });
  }

  rowSums(): void {
    const sums = this.f.localsOf('v128', GROUP);
    const rests = this.f.localsOf('v128', GROUP);
    // Of long rows blocks are added up in float64, row by row.
    this.f
      .get(this.shared.columns)
      .i32(BLOCK + 1)
      .do('i32.lt_u')
      .if(() => this.#groups(() => this.#rowSumsOfGroup(sums, rests)));
  }

  #rowSumsOfGroup(sums: readonly Local[], rests: readonly Local[]): void {
    const { f } = this;
    const { out, whole, columns } = this.shared;
    for (const sum of [...sums, ...rests]) f.f32x4(0).set(sum);
    this.#along(whole, 4, () => this.#addTo(sums, 4));
    this.#along(columns, 1, () => this.#addTo(rests, 1));
    addTogether(f, sums);
    const all = sums[0]!;
    f.set(all);
    // Of the rests the first lane alone counts.
    rests.forEach((rest, r) => {
      f.get(out, all).lane('f32x4.extract_lane', r).get(rest).lane('f32x4.extract_lane', 0);
      f.do('f32.add').memory('f32.store', 4 * r);
    });
    f.advance(out, 4 * GROUP);
  }

  #addTo(sums: readonly Local[], lanes: 1 | 4): void {
    sums.forEach((sum, r) => {
      this.#value(lanes, r).get(sum).do('f32x4.add').set(sum);
    });
  }

  /** Leaves the value of the expression at one place of row r, or at four, on the stack. */
  #value(lanes: 1 | 4, r: number): FunctionBody {
    const { f, shared } = this;
    const load = (i: number) => {
      const pointer = this.#pointers.get(i)?.[r];
      if (pointer !== undefined) f.get(pointer, shared.at).do('i32.add').memory(LANES[lanes].load);
      else f.get(this.#ofRows.get(i)?.[r] ?? this.#ofColumn.get(i) ?? shared.splats[i]!);
    };
    writeExpression(f, this.loop.expression, load, this.#evaluation());
    return f;
  }

  #along(until: Local, lanes: 1 | 4, body: () => void): void {
    const { f } = this;
    const { at } = this.shared;
    f.while(at, until, () => {
      for (const { i, pointer } of this.#columnInputs) {
        f.get(pointer, at).do('i32.add').memory(LANES[lanes].load).set(this.#ofColumn.get(i)!);
      }
      body();
      f.advance(at, 4 * lanes);
    });
  }

  #groups(body: () => void): void {
    const { rows, row } = this.shared;
    this.f.get(rows).i32(-GROUP).do('i32.and').set(this.#end);
    this.f.while(row, this.#end, () => {
      this.#prepare();
      body();
      this.#moveOn();
    });
  }

  #prepare(): void {
    const { f } = this;
    const { columns, at, whole } = this.shared;
    for (const { i, pointer } of this.#placeInputs) {
      this.#pointers.get(i)!.forEach((local, r, all) => {
        f.get(r === 0 ? pointer : all[r - 1]!);
        if (r > 0) f.get(columns).do('i32.add');
        f.set(local);
      });
    }
    for (const { i, pointer } of this.#rowInputs) {
      this.#ofRows.get(i)!.forEach((local, r) => {
        f.get(pointer)
          .memory('v128.load32_splat', 4 * r)
          .set(local);
      });
    }
    f.i32(0).set(at).get(columns).i32(-16).do('i32.and').set(whole);
  }

  #moveOn(): void {
    const { f } = this;
    const { columns, row } = this.shared;
    for (const { i, pointer } of this.#placeInputs) {
      f.get(this.#pointers.get(i)![GROUP - 1]!, columns)
        .do('i32.add')
        .set(pointer);
    }
    for (const { pointer } of this.#rowInputs) f.advance(pointer, 4 * GROUP);
    f.advance(row, GROUP);
  }
}

/** Leaves the sums of the lanes of four vectors on the stack, as one. */
function addTogether(f: FunctionBody, vectors: readonly Local[]): void {
  const [a, b, c, d] = vectors as [Local, Local, Local, Local];
  const halves = (x: Local, y: Local) => {
    f.get(x, y).shuffle(0, 4, 1, 5).get(x, y).shuffle(2, 6, 3, 7).do('f32x4.add').set(x);
  };
  halves(a, b);
  halves(c, d);
  f.get(a, c).shuffle(0, 1, 4, 5).get(a, c).shuffle(2, 3, 6, 7).do('f32x4.add');
}
