import 'reflect-metadata';
import { AppError } from './common/errors.js';
import { explainFailure } from './instance/failure.js';
import { UsageError, runCommand } from './instance/terminal.js';

try {
  const isWell = await runCommand(process.argv.slice(2), process.env, (text) => {
    process.stdout.write(`${text}\n`);
  });
  if (!isWell) process.exitCode = 1;
} catch (error) {
  const isTold = error instanceof UsageError || error instanceof AppError;
  const { text, exitCode } = isTold
    ? { text: error.message, exitCode: 2 }
    : explainFailure(error, process.env);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
