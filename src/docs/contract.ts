import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { ERROR_CODES } from '../common/error-codes.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Responses = Operation['responses'];

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(ERROR_CODES) as [string, ...string[]]),
    requestId: z.string(),
    statusCode: z.int(),
    message: z.string(),
    error: z.string(),
    errors: z
      .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'The broken rules of a 400, each with its path.' }),
    conflictingId: z.string().optional(),
    violatedPolicies: z.array(z.string()).optional(),
  })
  .meta({ description: 'RFC 9457 problem, also readable by Nest clients.' });

const LIST_HEADERS = {
  Link: { description: '`<…>; rel="next"` while there is more.', schema: { type: 'string' } },
  'X-Total-Count': { description: 'With `count=true`: exact up to 10 000.', schema: { type: 'integer' } },
  'X-Total-Count-Capped': { description: '`true` when there are more than 10 000.', schema: { type: 'string' } },
} as const;

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` the change is based on; 412 when the record has moved on.',
  schema: { type: 'string' },
} as const;

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Repeats within 24 hours answer as the first time.',
  schema: { type: 'string', maxLength: 255 },
} as const;

/** Adds to every operation what holds by rule: errors, headers, and leaves out the `/api/v1` twins. */
export function describeContract(document: OpenAPIObject): OpenAPIObject {
  const paths: OpenAPIObject['paths'] = {};
  for (const [path, item] of Object.entries(document.paths)) {
    if (path.startsWith('/api/v1/')) continue;
    paths[path] = item;
    for (const method of METHODS) {
      const operation = item[method];
      if (operation) describeOperation(operation, method, path);
    }
  }
  const { $schema: _, ...problem } = z.toJSONSchema(problemSchema, { target: 'draft-2020-12' });
  const schemas = { ...document.components?.schemas, Problem: problem as object };
  return { ...document, paths, components: { ...document.components, schemas } };
}

function describeOperation(operation: Operation, method: (typeof METHODS)[number], path: string): void {
  const responses = operation.responses as Record<string, Responses[string]>;
  const isGuarded = operation.security !== undefined;
  const hasBody = operation.requestBody !== undefined;
  const isWrite = method !== 'get';
  const statuses = new Set<number>([503]);
  if (isGuarded) [401, 403, 429].forEach((status) => statuses.add(status));
  if (isGuarded && (hasBody || path.includes('{') || (operation.parameters ?? []).length > 0)) statuses.add(400);
  if (path.includes('{')) statuses.add(404);
  if (hasBody) [413, 415].forEach((status) => statuses.add(status));
  if (isGuarded && isWrite && path.includes('{')) statuses.add(412);
  if (isGuarded && method === 'post') [400, 409, 422].forEach((status) => statuses.add(status));
  for (const status of [...statuses].sort()) responses[String(status)] ??= problemOf(status);

  const answer = responses['200'] as { content?: Record<string, { schema?: { type?: string } }>; headers?: object };
  if (method === 'get' && answer?.content?.['application/json']?.schema?.type === 'array') {
    answer.headers = { ...answer.headers, ...LIST_HEADERS };
  }
  operation.parameters ??= [];
  if (isGuarded && isWrite && path.includes('{')) operation.parameters.push({ ...IF_MATCH });
  if (isGuarded && method === 'post') operation.parameters.push({ ...IDEMPOTENCY_KEY });
}

function problemOf(status: number): Responses[string] {
  const codes = Object.entries(ERROR_CODES).filter(([, entry]) => entry.status === status);
  return {
    description: codes.map(([code, entry]) => `\`${code}\`: ${entry.meaning}`).join('\n\n'),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
