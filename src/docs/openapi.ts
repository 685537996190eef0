import 'reflect-metadata';
import { readFile, writeFile } from 'node:fs/promises';
import { createApp } from '../app.setup.js';
import { AppConfig, parseEnvironment } from '../config/config.js';
import { createDocument } from './docs.setup.js';

const FILE = new URL('../../openapi/openapi.json', import.meta.url);

/** Writes the contract to `openapi/openapi.json`, or with `--check` fails when the code says otherwise. */
async function main(): Promise<void> {
  const environment = parseEnvironment({
    LOG_LEVEL: 'silent',
    DATABASE_URL: 'postgresql://none@127.0.0.1:1/none',
  });
  const secret = Buffer.alloc(32).toString('base64');
  const secrets = {
    apiKeyPepper: secret,
    apiKeyPepperPrevious: undefined,
    sessionSecret: secret,
    databasePassword: '',
  };
  const app = await createApp(new AppConfig(environment, secrets));
  await app.init();
  const text = `${JSON.stringify(createDocument(app), null, 2)}\n`;
  if (!process.argv.includes('--check')) {
    await writeFile(FILE, text);
    return;
  }
  if (text === (await readFile(FILE, 'utf8'))) return;
  process.stderr.write('openapi/openapi.json is not what the code says. Run: npm run openapi\n');
  process.exitCode = 1;
}

await main();
process.exit();
