import type { Position } from './pagination.js';

/** The Prisma condition for rows after a position, in the order of `createdAt` and `id`. */
export function keysetAfter(position: Position | null, descending: boolean) {
  if (!position) return {};
  const [createdAt, id] = position;
  const at = new Date(createdAt);
  return descending
    ? { OR: [{ createdAt: { lt: at } }, { createdAt: at, id: { lt: id } }] }
    : { OR: [{ createdAt: { gt: at } }, { createdAt: at, id: { gt: id } }] };
}
