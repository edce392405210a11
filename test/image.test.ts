import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { needs } from './needs';

/** The image of the course and the values for Kubernetes: what they name is there. */

const ROOT = join(__dirname, '..');
const read = (...names: string[]) => readFileSync(join(ROOT, ...names), 'utf8');
const there = (path: string) => existsSync(join(ROOT, path));
/** Where the image has the course. */
const COURSE = '/srv/course/';

needs('hub');
const isInstalled = there(join('.hub', 'venv', '.ready'));

/** The instructions of a Dockerfile, lines that go on joined. */
const instructions = () =>
  read('Dockerfile')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest };
    });

describe('the image', () => {
  test('its steps are instructions that name what is there', () => {
    const known = ['FROM', 'RUN', 'WORKDIR', 'COPY', 'ENV', 'USER', 'EXPOSE', 'ENTRYPOINT', 'CMD'];
    const steps = instructions();
    expect(steps[0]).toMatchObject({ name: 'FROM' });
    expect(steps.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    const programs = steps.flatMap(({ rest }) => [...rest.matchAll(/node (setup\/\S+)/g)]);
    expect(programs.length).toBeGreaterThan(0);
    for (const [, program] of programs) expect(there(program!), program).toBe(true);
    for (const { name, rest } of steps) {
      if (name !== 'ENTRYPOINT' && name !== 'CMD') continue;
      const words: string[] = JSON.parse(rest);
      for (const word of words.filter((one) => one.startsWith(COURSE))) {
        expect(statSync(join(ROOT, word.slice(COURSE.length))).mode & 0o111, word).not.toBe(0);
      }
    }
    const [, user] = /USER (\w+)/.exec(read('Dockerfile'))!;
    expect(read('Dockerfile')).toContain(`--login ${user} --home /home/${user}`);
  });

  test('leaves out what belongs to this machine or to people', () => {
    const left = read('.dockerignore').split('\n');
    const own = ['node_modules', '.venv', '.hub', 'hub', '.git', '.progress.jsonl*', '.jupyter'];
    expect(own.filter((name) => !left.includes(name))).toEqual([]);
    // What git does not know is not of the course.
    const ignored = read('.gitignore')
      .split('\n')
      .filter((line) => line.endsWith('/'));
    const covers = (name: string) =>
      left.some((line) => line === name || line === `**/${name}` || name.startsWith(`${line}/`));
    expect(
      ignored
        .map((line) => line.replace(/^\/|\/$/g, ''))
        .filter((name) => !covers(name) && there(name) && name !== 'coverage'),
    ).toEqual([]);
  });

  test('what repo2docker needs is there', () => {
    const { dependencies } = parse(read('binder', 'environment.yml'));
    expect(dependencies.join()).toMatch(/python=3.*nodejs=2[024]/);
    const script = read('binder', 'postBuild');
    expect(statSync(join(ROOT, 'binder', 'postBuild')).mode & 0o111).not.toBe(0);
    for (const [path] of script.matchAll(/(?:setup|kernel)\/[\w./-]*\w/g)) {
      expect(there(path), path).toBe(true);
    }
    expect(script).toContain('requirements.txt');
  });
});

/**
 * Every value of ours, as the chart's schema of July 2026 has it (`additionalProperties` is false there,
 * but for what `hub.config` passes on to JupyterHub and `extraEnv` to servers). What is added here has to
 * be looked up in `values.schema.yaml`.
 */
const IN_THE_CHART = [
  ...['cull.enabled', 'cull.every', 'cull.timeout'],
  ...['Authenticator.allow_all', 'DummyAuthenticator.password'].map((name) => `hub.config.${name}`),
  'hub.config.JupyterHub.authenticator_class',
  ...['prePuller.continuous.enabled', 'prePuller.hook.enabled'],
  ...['proxy.https.enabled', 'proxy.https.hosts', 'proxy.https.letsencrypt.contactEmail'],
  'scheduling.userScheduler.enabled',
  ...[
    ...['cmd', 'cpu.guarantee', 'cpu.limit', 'defaultUrl', 'extraEnv.USER', 'fsGid'],
    ...['image.name', 'image.tag', 'memory.guarantee', 'memory.limit'],
    ...['cloudMetadataServer', 'nonPrivateIPs', 'privateIPs'].map(
      (name) => `networkPolicy.egressAllowRules.${name}`,
    ),
    ...['storage.capacity', 'storage.homeMountPath', 'uid'],
  ].map((name) => `singleuser.${name}`),
];

/** Where a value is that is not a record. */
const pathsIn = (value: object): string[] =>
  Object.entries(value)
    .flatMap(([name, member]) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? pathsIn(member).map((path) => `${name}.${path}`)
        : [name],
    )
    .sort();

describe('values for Zero to JupyterHub', () => {
  const values = parse(read('setup', 'hub', 'kubernetes', 'values.yaml'));
  const page = read('setup', 'hub', 'kubernetes', 'README.md');

  test('parse, with the sections that the chart has', () => {
    // The sections of the chart's own values.yaml that these use.
    expect(Object.keys(values).sort()).toEqual(
      ['cull', 'hub', 'prePuller', 'proxy', 'scheduling', 'singleuser'].sort(),
    );
    expect(pathsIn(values)).toEqual(IN_THE_CHART);
    expect(values.singleuser.memory.guarantee).toMatch(/^\d+[MG]$/);
    expect(values.singleuser.memory.limit).toMatch(/^\d+[MG]$/);
  });

  test('name what the image and the course have', () => {
    const { image, cmd, defaultUrl, storage, uid } = values.singleuser;
    expect(page).toContain(`docker build -t ${image.name}:${image.tag} .`);
    const entry = JSON.parse(instructions().find(({ name }) => name === 'ENTRYPOINT')!.rest);
    expect(cmd[0]).toBe(entry[0]);
    expect(cmd[1]).toBe('hub');
    expect(there(defaultUrl.replace('/lab/tree/', ''))).toBe(true);
    expect(read('Dockerfile')).toContain(storage.homeMountPath);
    expect(uid).toBe(1000);
  });

  test('the page names files that are there', () => {
    for (const [, link] of page.matchAll(/\]\((\.[^)#]*)/g)) {
      expect(there(join('setup', 'hub', 'kubernetes', link!)), link).toBe(true);
    }
  });
});

test.skipIf(!isInstalled || process.platform === 'win32')(
  'the command of the image gives an empty home the course',
  () => {
    const home = mkdtempSync(join(tmpdir(), 'home-'));
    try {
      const run = (...args: string[]): string[] =>
        JSON.parse(
          execFileSync(join(ROOT, 'setup', 'hub', 'image.sh'), [...args, '--dry-run'], {
            env: { PATH: process.env.PATH, HOME: home },
            encoding: 'utf8',
          }),
        );
      const command = run('hub', '--debug');
      expect(command[0]).toMatch(/bin\/jupyterhub-singleuser$/);
      expect(command).toContain(`--ServerApp.root_dir=${home}`);
      expect(command.at(-1)).toBe('--debug');
      expect(run('lab')[0]).toMatch(/bin\/jupyter-lab$/);
      for (const folder of ['notebooks', 'exercises', 'solutions']) {
        const own = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ipynb'));
        expect(readdirSync(join(home, folder)).filter((name) => own.includes(name))).toEqual(own);
      }
      expect(existsSync(join(home, 'node_modules', 'implicit-lab'))).toBe(true);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);
