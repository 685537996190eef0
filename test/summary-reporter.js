import { writeSync } from 'node:fs';
import process from 'node:process';

/** Ends the output with one line of counts, for people and scripts that read only the last line. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const broken = results.testResults.filter((file) => file.testExecError).length;
    const skipped = results.numPendingTests + results.numTodoTests;
    const counts = [
      `${results.numPassedTests} passed`,
      `${results.numFailedTests + broken} failed`,
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ];
    // Jest writes its own summary after all reporters.
    process.once('exit', () => {
      writeSync(1, `${counts.join(', ')}\n`);
    });
  }
}
