import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { explainFailure } from './instance/failure.js';
import { startInstance } from './instance/instance.js';

// V8 lets the heap of an idle machine grow to several times what is alive; a third above it is enough.
setFlagsFromString('--heap-growing-percent=30');

const print = (text: string) => process.stdout.write(`${text}\n`);

try {
  const instance = await startInstance(process.env, print);
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    print('stopping: running requests are finished first');
    void instance.stop().then(
      () => {
        print('stopped');
        process.exit(0);
      },
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  // Last of all: from this line on it can be told to stop.
  print(`listening on ${instance.url}`);
} catch (error) {
  const { text, exitCode } = explainFailure(error, process.env);
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}
