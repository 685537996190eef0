import { writeSync } from 'node:fs';
import process from 'node:process';

/** Says what was left out, and ends the output with one line of counts, for scripts that read only the last line. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const broken = results.testResults.filter((file) => file.testExecError).length;
    const skipped = results.numPendingTests + results.numTodoTests;
    const counts = [
      `${results.numPassedTests} passed`,
      `${results.numFailedTests + broken} failed`,
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ];
    const leftOut = results.testResults
      .flatMap((file) => file.testResults)
      .filter(({ status }) => status === 'todo')
      .map(({ title }) => `Left out: ${title}.\n`);
    // Jest writes its own summary after all reporters.
    process.once('exit', () => {
      writeSync(1, `${leftOut.join('')}${counts.join(', ')}\n`);
    });
  }
}
