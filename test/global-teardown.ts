import { rm } from 'node:fs/promises';
import pg from 'pg';

/** Removes what the set-up made: the whole cluster, or the databases of this run on a server that was given. */
export default async function teardown(): Promise<void> {
  const cluster = globalThis.testCluster;
  if (cluster) {
    await cluster.server.stop();
    await rm(cluster.dir, { recursive: true, force: true });
    return;
  }
  const client = new pg.Client(process.env.TEST_SERVER_URL);
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $2)',
      [process.env.TEST_TEMPLATE, `casebender_${process.env.TEST_RUN ?? ''}_`],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}
