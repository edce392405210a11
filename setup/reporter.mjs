import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './paths.mjs';

/**
 * A Vitest reporter that writes each test's outcome and, where it was skipped, the reason its author
 * gave (Vitest's own JSON report leaves that out), and the seconds of each file to the file named by
 * TEST_REPORT. After each test it touches the file named by TEST_PROGRESS.
 */
export default class Reporter {
  onTestCaseResult() {
    if (process.env.TEST_PROGRESS) writeFileSync(process.env.TEST_PROGRESS, '');
  }

  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<{ message: string }>} errors
   */
  onTestRunEnd(modules, errors) {
    /** @type {import('./parts.mjs').UnitReport} */
    const report = { tests: [], files: [], errors: errors.map((error) => error.message) };
    for (const module of modules) {
      const file = relative(root, module.moduleId);
      const { environmentSetupDuration, collectDuration, duration } = module.diagnostic();
      const seconds = (environmentSetupDuration + collectDuration + duration) / 1000;
      report.files.push({ file, seconds });
      // A group has errors of its own where its beforeAll or afterAll failed.
      for (const part of [module, ...module.children.allSuites()]) {
        for (const error of part.errors()) report.errors.push(`${file}: ${error.message}`);
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        const note = 'note' in result ? result.note : undefined;
        const isCutOff = result.state === 'skipped' && groupFailed(test);
        report.tests.push({
          file,
          name: test.fullName,
          state: result.state,
          note: isCutOff ? 'its group failed' : note,
        });
      }
    }
    const to = process.env.TEST_REPORT;
    if (to) writeFileSync(to, JSON.stringify(report));
  }
}

/** @param {import('vitest/node').TestCase} test */
const groupFailed = ({ parent }) => parent.type === 'suite' && parent.errors().length > 0;
