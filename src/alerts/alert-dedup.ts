import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { z } from 'zod';
import { invalidValue } from '../common/errors.js';

/** What becomes of an alert whose key another has: stored all the same, counted there, or refused (spec/behaviour.md §4). */
const dedupPolicySchema = z.enum(['create', 'count', 'reject']);

export type DedupPolicy = z.output<typeof dedupPolicySchema>;

const HEADER = 'X-Alert-Dedup';

export const DEDUP_HEADER = {
  name: HEADER,
  required: false,
  description:
    'What becomes of an alert whose `type`, `source` and `sourceRef` an open one has: `create` (stored all the same), ' +
    '`count` (its `count` grows, `X-Alert-Deduplicated: true`), `reject` (409). The instance default is `ALERT_DEDUP`.',
  schema: { type: 'string', enum: dedupPolicySchema.options },
};

/** The policy that the request asks for, if any. */
export const Dedup = createParamDecorator(
  (_: unknown, context: ExecutionContext): DedupPolicy | undefined => {
    const value = context.switchToHttp().getRequest<Request>().headers[HEADER.toLowerCase()];
    if (value === undefined) return undefined;
    const policy = dedupPolicySchema.safeParse(value);
    if (policy.success) return policy.data;
    throw invalidValue(
      HEADER,
      `expected one of ${dedupPolicySchema.options.join(', ')}`,
      'invalid_value',
    );
  },
);

/** What tells equal alerts of a tenant. */
export interface DedupKey {
  readonly type: string;
  readonly source: string;
  readonly sourceRef: string;
}

interface Origin {
  readonly type?: string | null | undefined;
  readonly source?: string | null | undefined;
  readonly sourceRef?: string | null | undefined;
}

/** The key of an alert; null unless type, source and sourceRef are all given. */
export function dedupKey({ type, source, sourceRef }: Origin): DedupKey | null {
  return type && source && sourceRef ? { type, source, sourceRef } : null;
}
