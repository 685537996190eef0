import 'reflect-metadata';
import { runDemo } from './demo/demo-command.js';
import { runProgram } from './instance/application.js';

// Warnings of libraries are for developers.
process.noDeprecation = true;

await runProgram(() =>
  runDemo(process.argv.slice(2), process.env, (text) => {
    process.stdout.write(`${text}\n`);
  }),
);
