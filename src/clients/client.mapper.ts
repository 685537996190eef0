import type { Prisma } from '../generated/prisma/client.js';
import type { Client } from './clients.schema.js';

/** The columns of a client that answers show. */
export const clientSelect = {
  id: true,
  name: true,
  createdAt: true,
  updatedAt: true,
  version: true,
} satisfies Prisma.ClientSelect;

export type ClientRow = Prisma.ClientGetPayload<{ select: typeof clientSelect }>;

export function toClient({ id, name, createdAt, updatedAt, version }: ClientRow): Client {
  return {
    id,
    name,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    version,
  };
}
