import { defineConfig } from 'prisma/config';

// The CLI wants a native schema engine even for `generate`, which does not use it;
// any executable satisfies it, so nothing is downloaded.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
