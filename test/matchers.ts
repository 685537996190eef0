import { STATUS_CODES } from 'node:http';
import type { Response } from 'supertest';
import { z } from 'zod';
import { ERROR_CODES } from '../src/common/error-codes.js';
import type { ErrorCode } from '../src/common/error-codes.js';

/** The body of an error. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly { readonly path: string; readonly code: string }[];
  readonly conflictingId?: string;
  readonly violatedPolicies?: readonly string[];
}

const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().min(1),
  instance: z.string(),
  code: z.string(),
  requestId: z.string(),
  statusCode: z.int(),
  message: z.string(),
  error: z.string(),
  errors: z
    .array(z.strictObject({ path: z.string(), code: z.string(), message: z.string().min(1) }))
    .min(1)
    .optional(),
  conflictingId: z.string().optional(),
  violatedPolicies: z.array(z.string()).min(1).optional(),
});

/** What no answer may hold: SQL, a stack, a path of the host. */
const LEAK =
  /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM) [a-z"]|\bat [\w.<>]+ \(|node_modules|\/work\/|\/home\/|\/tmp\/|prisma|PrismaClient|node:internal/;

/** The whole of an error answer: status, headers and every member of the problem body; answers it. */
export function expectProblem(response: Response, status: number, code: ErrorCode): ProblemBody {
  const { headers, text } = response;
  expect({ status: response.status, body: text }).toEqual({
    status,
    body: expect.any(String) as string,
  });
  expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const body = problemSchema.parse(JSON.parse(text)) as ProblemBody;
  const title = STATUS_CODES[status] ?? '';
  expect(body).toMatchObject({
    type: `/docs/errors#${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code,
    requestId: headers['x-request-id'],
    statusCode: status,
    message: body.detail,
    error: title,
  });
  expect(ERROR_CODES[code].status).toBe(status);
  expect(body.instance).toBe(new URL(response.request.url).pathname);
  if (status !== 400) expect(body).not.toHaveProperty('errors');
  expect(text).not.toMatch(LEAK);
  if (status === 401) expect(headers['www-authenticate']).toMatch(/^Bearer realm="casebender"/);
  if (status === 429 || status === 503) expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
  return body;
}

/** A 400 whose `errors` name exactly these paths. */
export function expectInvalid(
  response: Response,
  paths: readonly string[],
  code: ErrorCode = 'VALIDATION_FAILED',
): ProblemBody {
  const problem = expectProblem(response, 400, code);
  expect([...new Set(problem.errors?.map(({ path }) => path))]).toEqual(paths);
  return problem;
}

/** The answer has every key of the schema, no other, and each value as declared; answers it. */
export function expectMatches<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (!result.success) throw new Error(z.prettifyError(result.error));
  // Zod drops unknown keys, so a difference is one.
  expect(body).toStrictEqual(result.data);
  return result.data;
}
