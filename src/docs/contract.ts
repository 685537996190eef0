import type { OpenAPIObject } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { SECURITY_SCHEMES } from '../auth/auth.decorator.js';
import { ERROR_CODES } from '../common/error-codes.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Responses = Operation['responses'];
type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

type Problem = NonNullable<Responses[string]>;

const EXAMPLE_ID = '01900000-0000-7000-8000-000000000000';

/** An id that people read, as paths carry it: digits. */
const INTEGER_ID = { type: 'integer', minimum: 1, maximum: 2_147_483_647 };
const EXAMPLE_INTEGER_ID = 1;

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
  'X-Total-Count': {
    description: 'With `count=true`: exact up to 10 000.',
    schema: { type: 'integer' },
  },
  'X-Total-Count-Capped': {
    description: '`true` when there are more than 10 000.',
    schema: { type: 'string' },
  },
} as const;

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Repeats within 24 hours answer as the first time.',
  schema: { type: 'string', maxLength: 255 },
} as const;

/** What query text stands for, which validation reads as text. */
const QUERY_TYPES: Record<string, object> = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
  count: { type: 'boolean', default: false },
};

/** Adds to every operation what holds by rule: example, errors, headers; leaves out the `/api/v1` twins. */
export function describeContract(document: OpenAPIObject): OpenAPIObject {
  const paths: OpenAPIObject['paths'] = {};
  const schemas = document.components?.schemas ?? {};
  for (const [path, item] of Object.entries(document.paths)) {
    if (path.startsWith('/api/v1/')) continue;
    paths[path] = item;
    for (const method of METHODS) {
      const operation = item[method];
      if (operation) describeOperation(operation, method, path, schemas);
    }
  }
  const problem = z.toJSONSchema(problemSchema, { target: 'draft-2020-12' });
  delete problem.$schema;
  return withNumericBounds({
    ...document,
    paths,
    components: {
      ...document.components,
      schemas: { ...schemas, Problem: problem as Schema },
      responses: problemResponses(),
    },
  }) as OpenAPIObject;
}

function describeOperation(
  operation: Operation,
  method: (typeof METHODS)[number],
  path: string,
  schemas: Record<string, Schema>,
): void {
  operation.operationId = operation.operationId?.replace(/\[\d+\]$/, '') ?? '';
  operation.parameters ??= [];
  operation.security ??= [];
  for (const answer of Object.values(operation.responses)) describeAnswer(answer as Answer);
  for (const status of errorStatuses(operation, method, path)) {
    operation.responses[String(status)] ??= {
      $ref: `#/components/responses/${responseName(status)}`,
    };
  }
  for (const parameter of operation.parameters) describeParameter(parameter);
  if (isList(operation) && hasParameter(operation, 'cursor')) {
    operation.responses['200'] = {
      ...operation.responses['200'],
      headers: LIST_HEADERS,
    } as Responses[string];
  }
  moveOtherBodies(operation);
  const example = curlExample(operation, method, path, schemas);
  operation.description = [operation.description, example].filter(Boolean).join('\n\n');
  const isGuarded = (operation.security ?? []).length > 0;
  if (isGuarded && method === 'post') operation.parameters.push({ ...IDEMPOTENCY_KEY });
}

function hasParameter({ parameters = [] }: Operation, name: string): boolean {
  return parameters.some((parameter) => 'name' in parameter && parameter.name === name);
}

/** Whether it answers a bare array. */
function isList({ responses }: Operation): boolean {
  const { content = {} } = (responses['200'] ?? {}) as Answer;
  const schema = content['application/json']?.schema as { readonly type?: unknown } | undefined;
  return schema?.type === 'array';
}

interface Answer {
  description?: string;
  readonly content?: Record<string, { schema?: object }>;
}

/** Says once what several decorators say alike, and that text is a string. */
function describeAnswer(answer: Answer): void {
  const { description, content = {} } = answer;
  if (description !== undefined)
    answer.description = [...new Set(description.split('\n\n'))].join('\n\n');
  for (const [type, body] of Object.entries(content))
    if (type.startsWith('text/')) body.schema = { type: 'string' };
}

/** Puts the schemas of other bodies beside that of the JSON body. */
function moveOtherBodies(
  operation: Operation & { 'x-other-bodies'?: Record<string, Schema> },
): void {
  const { content = {} } = (operation.requestBody ?? {}) as { content?: Record<string, object> };
  for (const [type, schema] of Object.entries(operation['x-other-bodies'] ?? {}))
    content[type] = { schema };
  delete operation['x-other-bodies'];
}

function describeParameter(parameter: NonNullable<Operation['parameters']>[number]): void {
  if (!('name' in parameter) || !parameter.schema || '$ref' in parameter.schema) return;
  const schema = parameter.schema as Record<string, unknown>;
  delete schema.description;
  const type = parameter.in === 'query' ? QUERY_TYPES[parameter.name] : undefined;
  if (type && schema.type === 'string') parameter.schema = type;
  if (parameter.in !== 'path') return;
  const isInteger = String(schema.pattern).startsWith('^\\d');
  if (isInteger) parameter.schema = INTEGER_ID;
  parameter.example = isInteger ? EXAMPLE_INTEGER_ID : EXAMPLE_ID;
}

/** The errors an operation may answer, which follow from its form. */
function errorStatuses(
  operation: Operation,
  method: (typeof METHODS)[number],
  path: string,
): number[] {
  const isGuarded = (operation.security ?? []).length > 0;
  const hasBody = operation.requestBody !== undefined;
  const takesInput = hasBody || path.includes('{') || (operation.parameters ?? []).length > 0;
  return [
    ...((isGuarded || hasBody) && (takesInput || method === 'post') ? [400] : []),
    ...(isGuarded || hasBody ? [401] : []),
    ...(isGuarded ? [403] : []),
    ...(path.includes('{') ? [404] : []),
    ...(isGuarded ? [406] : []),
    ...(isGuarded && method !== 'get' ? [409] : []),
    ...(hasParameter(operation, 'If-Match') ? [412] : []),
    ...(hasBody ? [413, 415] : []),
    ...(isGuarded && method === 'post' ? [422] : []),
    ...(isGuarded || hasBody ? [429] : []),
    503,
  ];
}

/** A request that works, as a person types it. */
function curlExample(
  operation: Operation,
  method: string,
  path: string,
  schemas: Record<string, Schema>,
): string {
  const body = operation.requestBody as
    { content?: Record<string, { schema?: Schema }> } | undefined;
  const content = body?.content ?? {};
  const schema = content['application/json']?.schema;
  const example = schema && exampleOf(schema, schemas);
  const parts = example === undefined ? content['multipart/form-data']?.schema : undefined;
  const answer = operation.responses['200'] as { content?: Record<string, unknown> } | undefined;
  const isFile = answer?.content?.['application/octet-stream'] !== undefined;
  const flags = method === 'get' ? (isFile ? '-OJ ' : '') : `-X ${method.toUpperCase()} `;
  const lines = [
    `curl ${flags}"$URL${examplePath(operation, path)}"`,
    ...credentialFlags(operation, method),
    ...(parts ? partsOf((parts as { example?: MultipartExample }).example ?? {}) : []),
    ...(example === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(example)}'`]),
  ];
  return `\`\`\`sh\n${lines.join(' \\\n  ')}\n\`\`\``;
}

/** How the caller of an example shows who it is; whoever signs in keeps the cookie. */
function credentialFlags({ security = [] }: Operation, method: string): string[] {
  if (security.length === 0) return method === 'post' ? ['-c cookies.txt'] : [];
  if (security.some((scheme) => SECURITY_SCHEMES.bearer in scheme))
    return ['-H "Authorization: Bearer $KEY"'];
  return ['-b cookies.txt', ...(method === 'get' ? [] : ['-H "X-CSRF-Token: $CSRF_TOKEN"'])];
}

/** Parts of a multipart request by name: text, or the names of files. */
type MultipartExample = Readonly<Record<string, string | readonly string[]>>;

function partsOf(example: MultipartExample): string[] {
  return Object.entries(example).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [`-F '${name}=${value}'`]
      : value.map((file) => `-F '${name}=@${file}'`),
  );
}

/** The path with an example for each of its parameters, and what the query must hold. */
function examplePath({ parameters = [] }: Operation, path: string): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parameters.find((each) => 'name' in each && each.name === name);
    return String(parameter && 'example' in parameter ? parameter.example : EXAMPLE_ID);
  });
  const query = parameters.flatMap((parameter) => {
    if (!('in' in parameter) || parameter.in !== 'query' || !parameter.required) return [];
    const { example } = parameter.schema as { readonly example?: unknown };
    return [`${parameter.name}=${encodeURIComponent(String(example))}`];
  });
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`;
}

/** The example of a schema, through its references. */
function exampleOf(schema: Schema, schemas: Record<string, Schema>): unknown {
  const { allOf, $ref, example } = schema as { allOf?: Schema[]; $ref?: string; example?: unknown };
  const [inherited] = allOf ?? [];
  const referenced = $ref === undefined ? inherited : schemas[$ref.split('/').at(-1) ?? ''];
  return example ?? (referenced && exampleOf(referenced, schemas));
}

/** Writes `exclusiveMinimum` as OpenAPI 3.1 has it: a number, where the conversion leaves a boolean of 3.0. */
function withNumericBounds(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withNumericBounds);
  if (typeof part !== 'object' || part === null) return part;
  const { exclusiveMinimum, minimum, ...rest } = part as Record<string, unknown>;
  const entries = Object.entries(rest).map(([key, value]) => [key, withNumericBounds(value)]);
  const bound =
    exclusiveMinimum === true ? { exclusiveMinimum: minimum } : { exclusiveMinimum, minimum };
  return { ...Object.fromEntries(entries), ...JSON.parse(JSON.stringify(bound)) };
}

/** What belongs to no operation: a wrong method, and failures of the server. */
const UNDOCUMENTED = new Set<number>([405, 500]);

function problemResponses(): Record<string, Problem> {
  const all = Object.values(ERROR_CODES).map((entry) => entry.status);
  const statuses = new Set(all.filter((status) => !UNDOCUMENTED.has(status)));
  return Object.fromEntries(
    [...statuses].map((status) => [responseName(status), problemOf(status)]),
  );
}

function responseName(status: number): string {
  return (STATUS_CODES[status] ?? String(status)).replaceAll(/[^A-Za-z]/g, '');
}

function problemOf(status: number): Problem {
  const codes = Object.entries(ERROR_CODES).filter(([, entry]) => entry.status === status);
  return {
    description: codes.map(([code, entry]) => `\`${code}\`: ${entry.meaning}`).join('\n\n'),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
