import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '..');
const tracked = (...patterns: string[]) =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(root, file)));

const allFiles = tracked('.');
const allSources = allFiles.filter((file) =>
  /^(lib|course|kernel|bench|setup|test)\/.*\.([cm]?[jt]s|py)$/.test(file),
);

/** All pages but lessons and the sources of exercises. */
const pages = tracked('*.md').filter((file) => !/^(notebooks|exercises)\/\d/.test(file));

/** Everything that a page may name: the words of programs and settings. */
const words = new Set(
  allFiles
    .filter((file) =>
      /\.([cm]?[jt]s|py|json|ya?ml|toml|sh|css|html)$|Dockerfile$|^\.ci\//.test(file),
    )
    .filter(
      (file) =>
        !['package-lock.json', 'test/pages.test.ts'].includes(file) &&
        !file.startsWith('bench/results/'),
    )
    .flatMap((file) => readFileSync(join(root, file), 'utf8').match(/[\p{L}_$][\p{L}\p{N}_$]*/gu)),
);

/** Names in code spans that belong to other programs, or stand for any name. */
const foreign = new Set([
  ...[
    'PROD',
    'max__op',
    'repairX',
    'addX',
    'InLambda',
    'InW',
    'PEERS_ENV',
    'subdomain_host',
    'NAME',
  ],
  ...['dgemm', 'sgemm', 'IndexedDB', 'RequestInit', 'jimp', 'kubectl', 'helm', 'rda'],
]);

/** The code of a page: in the text, and in its blocks of commands. */
function codeOf(page: string): { spans: string[]; commands: string[] } {
  const text = readFileSync(join(root, page), 'utf8');
  const spans = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)];
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)];
  const inline = spans.map(([, span]) => span!);
  return { spans: inline, commands: [...inline, ...blocks.flatMap(([, b]) => b!.split('\n'))] };
}

/** Whether a file or a folder is tracked. */
const isTracked = (path: string) =>
  allFiles.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`));

/** Links to files of the repository, with the text between the brackets. */
function linksOf(page: string): { text: string; path: string }[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)]
    .map(([, text, target]) => ({ text: text!, target: target!.split('#')[0]! }))
    .filter(({ target }) => target !== '' && !/^[a-z]+:/.test(target))
    .map(({ text, target }) => ({ text, path: join(dirname(page), decodeURIComponent(target)) }));
}

describe.each(pages)('%s', (page) => {
  it('links to files that are there', () => {
    const dead = linksOf(page).filter(({ path }) => !existsSync(join(root, path)));
    expect(dead).toEqual([]);
  });

  it('names functions that are in the files it links to', () => {
    const missing = linksOf(page).flatMap(({ text, path }) => {
      const file = join(root, path);
      if (!/\.m?ts$/.test(path) || !existsSync(file)) return [];
      const source = readFileSync(file, 'utf8');
      const names = [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
      return names
        .filter((name) => /^#?[A-Za-z_]\w*$/.test(name))
        .filter((name) => !new RegExp(`(^|[^\\w])${name}($|[^\\w])`).test(source))
        .map((name) => `${name} in ${path}`);
    });
    expect(missing).toEqual([]);
  });

  it('names files that are there', () => {
    const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '');
    const named = [...text.matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|cjs|mts|py))`/g)].map(
      ([, name]) => name!,
    );
    const missing = named.filter((name) => {
      const end = name.replace(/^(\.\.\/)+/, '');
      return (
        !/\b(NN|id-01)\.ts$/.test(name) && !allFiles.some((file) => `/${file}`.endsWith(`/${end}`))
      );
    });
    expect(missing).toEqual([]);
  });

  it('calls commands that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const wrong = codeOf(page).commands.flatMap((line) => {
      const run = [...line.matchAll(/\bnpm run (?:-s )?([a-z][\w:]*)/g)].map(([, name]) => name!);
      const benches = [...line.matchAll(/\bbench -- ([a-z]\w*)/g)].map(([, name]) => name!);
      const tests = [...line.matchAll(/\bvitest (?:run )?((?:[\w.-]+\/[\w./-]* ?)+)/g)];
      return [
        ...run.filter((name) => !(name in scripts)),
        ...benches.filter((name) => !isTracked(`bench/${name}`) && !isTracked(`bench/${name}.ts`)),
        ...tests
          .flatMap(([, paths]) => paths!.trim().split(' '))
          .filter((path) => !isTracked(path)),
      ].map((what) => `${what} in ${line}`);
    });
    expect(wrong).toEqual([]);
  });

  it('names functions and options that are in some program', () => {
    const unknown = codeOf(page).spans.filter((span) => {
      if (/\.(ts|mjs|cjs|mts|py)$/.test(span)) return false; // The names of files are tested above.
      const [, name] = /^(\$?#?[\p{L}_]\w*(?:\.[\p{L}_]\w*)*)(\(.*)?$/u.exec(span) ?? [];
      const parts = name?.replace(/[$#]/g, '').split('.') ?? [];
      // Checksums are not names, and one or two letters are mathematics.
      return parts.some(
        (part) => !words.has(part) && !foreign.has(part) && part.length > 2 && part.length < 60,
      );
    });
    expect(unknown).toEqual([]);
  });
});

/** Folders with at least three source files, by their paths. */
const rooms = [...new Set(allSources.map((file) => dirname(file)))].filter(
  (folder) => allSources.filter((file) => dirname(file) === folder).length >= 3,
);

/** The next page above a folder, and the path of the folder from there. */
function pageAbove(folder: string): { page: string; path: string } {
  for (let above = dirname(folder); above !== '.'; above = dirname(above)) {
    const page = join(above, 'README.md');
    if (existsSync(join(root, page))) return { page, path: folder.slice(above.length + 1) };
  }
  return { page: 'README.md', path: folder };
}

describe('rooms', () => {
  it('have a page, or are named on the next one above', () => {
    expect(rooms.length).toBeGreaterThan(50);
    const unnamed = rooms.filter((folder) => {
      if (existsSync(join(root, folder, 'README.md'))) return false;
      const { page, path } = pageAbove(folder);
      const text = readFileSync(join(root, page), 'utf8');
      // By its path, or by its own name as a part of a path, or as the name of a benchmark.
      return ![`${path}/`, `${basename(path)}/`, `\`${basename(path)}\``].some((name) =>
        text.includes(name),
      );
    });
    expect(unnamed).toEqual([]);
  });
});

describe('lists', () => {
  const read = (page: string) => readFileSync(join(root, page), 'utf8');

  it.each([
    ['test/README.md', 'test'],
    ['lib/methods/README.md', 'lib/methods'],
    ['lib/models/README.md', 'lib/models'],
    ['lib/numbers/README.md', 'lib/numbers'],
    ['lib/constraints/README.md', 'lib/constraints'],
    ['lib/fuzz/README.md', 'lib/fuzz'],
  ])('of files on %s are whole', (page, folder) => {
    const own = new RegExp(`^${folder}/[\\w-]+\\.ts$`);
    // Tests of a room are next to what they test, and are not named.
    const inRoom = (file: string) => folder === 'test' || !/\.test\.ts$/.test(file);
    const missing = allFiles
      .filter((file) => own.test(file) && inRoom(file))
      .map((file) => basename(file))
      .filter((name) => !/^index\.ts$|testing|\.d\.ts$/.test(name))
      .filter((name) => !read(page).includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });

  it('of commands on the page of setup are whole', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const own = Object.keys(scripts).filter((name) => scripts[name]!.startsWith('node setup/'));
    const page = read('setup/README.md');
    const named = (name: string) => new RegExp(`\`npm (run )?${name}\``).test(page);
    expect(own.filter((name) => !named(name))).toEqual([]);
  });
});

/** A citation without a link: what is left of a text after its links, where it names a year or §. */
const isUnlinked = (citation: string) =>
  !/https?:/.test(citation) && /\b(19|20)\d\d\b|§/.test(citation);

interface Citation {
  readonly file: string;
  readonly url: string;
  /** Without case and punctuation; none where the link names author and year. */
  readonly title?: string;
  readonly year?: string;
}

/** The links of a page to papers and books, with the title and the year that it gives. */
function citationsIn(file: string, page: string): Citation[] {
  // Issues, as in 45(4), and line ends within a citation do not matter.
  const text = page.replace(/\n\s*\*?\s*/g, ' ').replace(/(\d)\(\d+\)(?=,)/g, '$1');
  const links =
    /\[([^[\]]+)\]\((https?:\/\/(?:arxiv\.org\/abs|doi\.org|icml\.cc|proceedings\.mlr)(?:[^()\s]|\([^()]*\))*)\)([^[;(]*)/g;
  return [...text.matchAll(links)].map(([, name, url, after]) => {
    const named = /\b(?:19|20)\d\d\b/.exec(name!)?.[0];
    const year = named ?? /^,[^.]*?\b((?:19|20)\d\d)\b/.exec(after!)?.[1];
    const isTitle = named === undefined && /^\*?\p{Lu}.* /u.test(name!);
    const title = name!
      .toLowerCase()
      .replace(/[^\p{L}\d]+/gu, ' ')
      .trim();
    return { file, url: url!, ...(isTitle && { title }), ...(year !== undefined && { year }) };
  });
}

/** Pairs of citations of which one must be wrong; a short title is the beginning of the long one. */
function disagreements(citations: readonly Citation[]): string[] {
  const same = (a: string, b: string) => a.startsWith(b) || b.startsWith(a);
  const first = <K extends 'title' | 'year'>(key: K, { url }: Citation) =>
    citations.find((other) => other.url === url && other[key] !== undefined)!;
  return citations.flatMap((citation) => {
    const { file, url, title, year } = citation;
    const found: string[] = [];
    if (title !== undefined) {
      const before = first('title', citation);
      if (!same(title, before.title!))
        found.push(`"${title}", in ${before.file} "${before.title}"`);
      const moved = citations.find((other) => other.title === title)!;
      if (moved.url !== url) found.push(`"${title}" is ${moved.url} in ${moved.file}`);
    }
    if (year !== undefined) {
      const before = first('year', citation);
      if (year !== before.year) found.push(`${year}, in ${before.file} ${before.year}`);
    }
    return found.map((what) => `${file}: ${url}: ${what}`);
  });
}

describe('sources', () => {
  const sources = tracked('lib/**/*.ts', 'course/**/*.ts', 'bench/**/*.ts').filter(
    (file) => !/\.test\.ts$/.test(file),
  );

  it('are links in every @see', () => {
    const unlinked = sources.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const blocks = text.match(/@see (?:(?!\*\/|\n\s*\* @|\n\s*\*\n)[\s\S])*/g) ?? [];
      return blocks
        .flatMap((block) => block.replace(/\n\s*\*\s*/g, ' ').split(';'))
        .filter(isUnlinked)
        .map((citation) => `${file}: ${citation.trim()}`);
    });
    expect(unlinked).toEqual([]);
  });

  const cited = tracked('lib/**/*.{md,ts}', '{course,bench,notebooks}/**/*.{md,ts}', '*.md')
    .filter((file) => !/\.test\.ts$/.test(file))
    .flatMap((file) => citationsIn(file, readFileSync(join(root, file), 'utf8')));

  it('have one title and one year each, on all pages', () => {
    expect(cited.length).toBeGreaterThan(100);
    expect(disagreements(cited)).toEqual([]);
  });

  it('are told apart when a title, a year or a link differs', () => {
    const link = (title: string, url: string, year: string) =>
      `See Ren, [*${title}*](https://arxiv.org/abs/${url}), ${year} (the rule).`;
    const against = (text: string) =>
      disagreements([
        ...citationsIn('a', link('Learning to reweight: a way', '1803.09050', 'ICML 2018')),
        ...citationsIn('b', text),
      ]);
    expect(against(link('Learning to Reweight', '1803.09050', '2018'))).toEqual([]);
    expect(against('[Ren 2018](https://arxiv.org/abs/1803.09050)')).toEqual([]);
    expect(against(link('Learning to reward', '1803.09050', '2018'))).toHaveLength(1);
    expect(against(link('Learning to reweight', '1803.09050', '2019'))).toHaveLength(1);
    expect(against('[Ren 2017](https://arxiv.org/abs/1803.09050)')).toHaveLength(1);
    expect(against(link('Learning to reweight: a way', '1803.09051', '2018'))).toHaveLength(1);
  });

  const lessons = tracked('notebooks/*.md').filter((file) => /\/\d\d[a-z]?-/.test(file));
  it.each(lessons)('are links at the end of %s, and the text names no other', (file) => {
    const prose = readFileSync(join(root, file), 'utf8').replace(/```[\s\S]*?```/g, ' ');
    const list = /\*\*Sources\.\*\* .*/.exec(prose)?.[0] ?? '';
    const plain = (text: string) =>
      text.replace(/\[[^\]]*\]\(https?:(?:[^()]|\([^()]*\))*\)/g, ' ');
    // A title is in italics or in brackets; what is in italics is within a link.
    expect(
      plain(list)
        .replace('**Sources.**', '')
        .match(/\*[^*]+\*/g) ?? [],
    ).toEqual([]);
    expect(list.match(/\]\(https?:/g)?.length ?? 0).toBeGreaterThan(2);
    const named = [
      ...plain(prose.replace(list, ' ')).matchAll(
        /([A-Z]\p{L}+)(?: et al\.)?,? \(?(?:19|20)\d\d\b/gu,
      ),
    ];
    expect(named.map(([, author]) => author!).filter((author) => !list.includes(author))).toEqual(
      [],
    );
  });
});

describe('workflows', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  it.each(tracked('.github/workflows/*.yml'))('%s calls commands that are there', (file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const called = [...text.matchAll(/\bnpm (?:run )?(test|(?<=run )[\w:]+)/g)];
    expect(called.map(([, name]) => name!).filter((name) => !(name in scripts))).toEqual([]);
    const programs = [...text.matchAll(/\brun: (\.[\w./]+)/g)].map(([, path]) => path!);
    expect(programs.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(called.length + programs.length).toBeGreaterThan(0);
  });

  it('test on every system and with every Node.js that the guide names', () => {
    const text = readFileSync(join(root, '.github/workflows/test.yml'), 'utf8');
    const guide = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
    const listed = (key: string) => new RegExp(`${key}: \\[(.*)\\]`).exec(text)?.[1]?.split(', ');
    const [, systems, versions] = /runs `npm test` on (.*) with Node\.js (.*)\./.exec(guide) ?? [];
    const words = (list = '') => list.split(/, | and /);
    const hosts: Record<string, string> = { Linux: 'ubuntu', macOS: 'macos', Windows: 'windows' };
    expect(listed('os')).toEqual(words(systems).map((system) => `${hosts[system]}-latest`));
    expect(listed('node')).toEqual(words(versions));
    expect(text).toMatch(/^ {4}runs-on: .*matrix\.os/m);
    expect(text).toMatch(/^ {10}node-version: .*matrix\.node/m);
    expect(text).toMatch(/^ {4}name: .*matrix\.os.*matrix\.node/m);
  });

  it('release every workspace, once its version is that of the tag', () => {
    const text = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(text).toContain(`for folder in . ${workspaces.join(' ')}; do`);
    const packed = workspaces.map((name: string) => `${name}/*.tgz`).join(' ');
    expect(text).toContain(`for package in ${packed}; do`);
    expect(text.indexOf('.ci/run')).toBeLessThan(text.indexOf('npm publish'));
  });

  it.each(tracked('.github/workflows/*.yml'))('%s is short', (file) => {
    expect(readFileSync(join(root, file), 'utf8').split('\n').length).toBeLessThan(70);
  });

  it('publish the course in a page where the site looks for it', () => {
    const text = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');
    const [, site, live] = /npm run site -- (\S+) --live (\S+)\//.exec(text) ?? [];
    expect(text).toContain(`npm run lite -- ${site}/${live} --quick`);
    expect(text).toMatch(new RegExp(`path: ${site}$`, 'm'));
  });
});

/** What changes something that is not ours. */
const patches = [
  /\btf\.(un)?registerKernel\(/,
  /\btf\.(un)?registerGradient\(/,
  /\btf\.registerBackend\(/,
  /\btf\.env\(\)\.set\(/,
  /^\s*(e|engine|prototype|tf\.\w+|os|workerThreads|plotly\.\w+|process\[\w+\]|process|window\.\w+)\.\w+ = /,
  /\.firstUse = /,
  /\b(Object\.assign|Object\.defineProperty)\((globalThis|scope\.navigator|state, \{ gradientDepth|prototype)/,
  /\bdefine\((prototype|window)/,
  /\(globalThis as .*\)\[?.*\] \?\?= |\bhost\[\w+\] \?\?= |\bpage\.implicitLabPlotly \?\?= /,
  /\bprocess\.(on|off)\(/,
  /\b(Object|Reflect)\.defineProperty\((Error|process|prototype), /,
  /\bmethods\[name\] = /,
  /\bworkers\.Worker = /,
  /\bsetUncaughtExceptionCaptureCallback\(/,
  /\bpromiseHooks\.on\w+\(/,
  /\bsetFlagsFromString\(/,
  /\bError\.stackTraceLimit = /,
  /\bstate\.(kernelDepth|gradientDepth|activeTape)(\+\+| = )/,
  /\brequire\.cache\[.*\] = /,
  /^\s*old\.isNullOrUndefined \?\?= /,
];

/** Whose process is their own: nothing else lives in it that could be surprised. */
const programs = [
  'kernel/cli.ts',
  'course/exercises/submission/learner.ts',
  'course/exercises/cli/',
  'course/exercises/source/',
  'kernel/server/',
  'kernel/node/child-process.ts',
  'kernel/node/compiler/process.ts',
  'kernel/node/start.ts',
];

describe('the patch table', () => {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const named = linksOf('ARCHITECTURE.md').map(({ path }) => path);
  const sources = tracked('lib/**/*.ts', 'course/**/*.ts', 'kernel/**/*.ts').filter(
    (file) =>
      !/\.test\.ts$|testing|\/fuzz\/|op-table/.test(file) &&
      !programs.some((program) => file.startsWith(program)),
  );

  it('names every file that changes what is not ours', () => {
    const files = sources.filter((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .some((line) => !/^\s*(\*|\/\/)/.test(line) && patches.some((patch) => patch.test(line))),
    );
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => !named.includes(file))).toEqual([]);
  });

  it('knows one file that reaches the engine', () => {
    const reaching = sources.filter((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .some(
          (line) => !/^\s*(\*|\/\/)/.test(line) && /\bengine\(\) as|\btf\.engine\(\)/.test(line),
        ),
    );
    expect(reaching).toEqual(['lib/backends/engine.ts']);
  });

  it('has a row for each, with who undoes it', () => {
    const start = page.indexOf('## The patch table');
    const rows = page
      .slice(start, page.indexOf('\n## ', start + 1))
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
    for (const row of rows) expect(row.split(' | ').length, row).toBe(5);
  });
});
