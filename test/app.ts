import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { OpenAPIObject } from '@nestjs/swagger';
import supertest from 'supertest';
import type TestAgent from 'supertest/lib/agent.js';
import { createApp } from '../src/app.setup.js';
import { AppConfig, parseEnvironment } from '../src/config/config.js';
import { loadSecrets } from '../src/config/secrets.js';
import { createDocument } from '../src/docs/docs.setup.js';
import { beginFirstStart } from '../src/instance/first-start.js';
import { assertAudited } from './audited.js';
import { TestDatabase, workerDatabaseUrl } from './database.js';
import { DocumentChecker } from './document.js';
import { ADMIN_API_KEY, TEST_ENVIRONMENT } from './environment.js';

export type Agent = TestAgent;

/** A running application with its database. */
export interface TestApp {
  readonly app: NestExpressApplication;
  readonly config: AppConfig;
  readonly url: string;
  readonly db: TestDatabase;
  readonly adminKey: string;
  /** The OpenAPI document; each answer that an agent sees is checked against it. */
  readonly document: OpenAPIObject;
  /** A client that sends the key with every request, or no credential. */
  http(key?: string): Agent;
  /** Stops everything, and fails if an answer did not match the document or a change was not audited. */
  close(): Promise<void>;
}

/** The configuration of a test application. */
export async function testConfig(overrides: NodeJS.ProcessEnv = {}): Promise<AppConfig> {
  const environment = parseEnvironment({
    ...TEST_ENVIRONMENT,
    DATABASE_URL: overrides.DATABASE_URL ?? (await workerDatabaseUrl()),
    ...overrides,
  });
  return new AppConfig(environment, loadSecrets(environment));
}

/** Boots the real application on a free port; several in one worker share its database. */
export async function startTestApp(overrides: NodeJS.ProcessEnv = {}): Promise<TestApp> {
  const config = await testConfig(overrides);
  await (await beginFirstStart(config))?.commit();
  const app = await createApp(config);
  await app.listen(0, config.host);
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const url = `http://${config.host}:${port}`;
  const db = new TestDatabase(config.databaseUrl ?? '');
  const document = createDocument(app);
  const checker = new DocumentChecker(document);

  return {
    app,
    config,
    url,
    db,
    adminKey: ADMIN_API_KEY,
    document,
    http(key) {
      const agent = supertest.agent(url).use((request: supertest.Request) => {
        request.on('response', (response: supertest.Response) => {
          checker.check(request.method, request.url, response);
        });
      });
      return key === undefined ? agent : agent.set('Authorization', `Bearer ${key}`);
    },
    async close() {
      await hideFromOthers(db);
      await app.close();
      await assertAudited(db).finally(() => db.close());
      checker.assertClean();
    },
  };
}

/** The next file on this database counts what its tenants see: nothing of this one may be visible to all. */
async function hideFromOthers(db: TestDatabase): Promise<void> {
  for (const table of ['alerts', 'cases'])
    await db
      .rows(
        `UPDATE ${table} SET visible_to_all_organizations = false WHERE visible_to_all_organizations`,
      )
      .catch(() => undefined);
}
