import 'reflect-metadata';
import { runProgram } from './instance/application.js';
import { runCommand } from './instance/terminal.js';

await runProgram(async () => {
  const isWell = await runCommand(process.argv.slice(2), process.env, (text) => {
    process.stdout.write(`${text}\n`);
  });
  if (!isWell) process.exitCode = 1;
});
