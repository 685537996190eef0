import type { OpenAPIObject } from '@nestjs/swagger';
import type { Response } from 'supertest';
import { z } from 'zod';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

interface DocumentedAnswer {
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

/** An operation of the document: `GET /api/alerts/{id}`. */
export interface Operation {
  readonly method: (typeof METHODS)[number];
  readonly path: string;
  readonly answers: Readonly<Record<string, DocumentedAnswer>>;
  readonly isGuarded: boolean;
}

/** Every operation of the document. */
export function operationsOf(document: OpenAPIObject): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const answers = Object.entries(operation.responses).map(([status, answer]) => [
        status,
        resolved(document, answer as DocumentedAnswer | Reference),
      ]);
      return [
        {
          method,
          path,
          answers: Object.fromEntries(answers) as Operation['answers'],
          isGuarded: (operation.security ?? []).length > 0,
        },
      ];
    }),
  );
}

/** A field that takes an id: `['tags', '[]', 'id']`. */
export interface IdField {
  readonly place: 'body' | 'query';
  readonly path: readonly string[];
  readonly isInteger: boolean;
}

/** Every field of a route's body and query that takes the id of something. */
export function idFieldsOf(document: OpenAPIObject, route: RoutePath): IdField[] {
  const body = operationOf(document, route)?.requestBody as DocumentedAnswer | undefined;
  const fields = [
    ...parametersOf(document, route).flatMap(({ name, schema }) =>
      idsIn(document, 'query', schema ?? {}, [name]),
    ),
    ...idsIn(document, 'body', body?.content?.['application/json']?.schema ?? {}, []),
  ];
  return [...new Map(fields.map((field) => [JSON.stringify(field), field])).values()];
}

/** A parameter of a query, with the values that it may have if these are named. */
export interface QueryParameter {
  readonly name: string;
  readonly isRequired: boolean;
  readonly options: readonly string[];
}

/** What the query of a route may ask. */
export function queriesOf(document: OpenAPIObject, route: RoutePath): QueryParameter[] {
  return parametersOf(document, route).map(({ name, required, schema }) => ({
    name,
    isRequired: required ?? false,
    options: schema?.enum ?? schema?.items?.enum ?? [],
  }));
}

function parametersOf(document: OpenAPIObject, route: RoutePath): Parameter[] {
  const parameters = (operationOf(document, route)?.parameters ?? []) as Parameter[];
  return parameters.filter((parameter) => parameter.in === 'query');
}

function operationOf(document: OpenAPIObject, { method, path }: RoutePath) {
  return document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method];
}

interface RoutePath {
  readonly method: (typeof METHODS)[number];
  /** `/api/alerts/:id` */
  readonly path: string;
}

interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Schema extends Partial<Reference> {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

function idsIn(
  document: OpenAPIObject,
  place: IdField['place'],
  schema: Schema,
  path: readonly string[],
): IdField[] {
  const { $ref, type, format, anyOf = [], items, properties = {} } = schema;
  if ($ref !== undefined) {
    const named = document.components?.schemas?.[$ref.split('/').at(-1) ?? ''];
    return idsIn(document, place, named as Schema, path);
  }
  const within = (inner: Schema, ...parts: string[]) =>
    idsIn(document, place, inner, [...path, ...parts]);
  // Tags alone have numbers for ids.
  const isInteger = type === 'integer' && path.some((part) => /^tags?(?:To|$)/.test(part));
  return [
    ...(format === 'uuid' || isInteger ? [{ place, path, isInteger }] : []),
    ...anyOf.flatMap((each) => within(each)),
    ...(items ? within(items, '[]') : []),
    ...Object.entries(properties).flatMap(([name, inner]) => within(inner, name)),
  ];
}

interface Reference {
  readonly $ref: string;
}

function resolved(document: OpenAPIObject, answer: DocumentedAnswer | Reference): DocumentedAnswer {
  if (!('$ref' in answer)) return answer;
  const named = document.components?.responses?.[answer.$ref.split('/').at(-1) ?? ''];
  if (!named) throw new Error(`${answer.$ref} is not in the document.`);
  return named as DocumentedAnswer;
}

/** The Zod schema of an answer's JSON Schema, which may refer to the document's components. */
export function answerSchema(document: OpenAPIObject, schema: object): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components?.schemas ?? {} });
  return z.fromJSONSchema(
    JSON.parse(
      text.replaceAll('#/components/schemas/', '#/$defs/'),
    ) as z.core.JSONSchema.JSONSchema,
  );
}

/** JSON as the client parsed it, or as it came under a type that the client does not know. */
function bodyOf(type: string, { body, text }: Response): unknown {
  return type === 'application/json' ? body : JSON.parse(text);
}

/** Checks observed answers against the document, and remembers what does not match. */
export class DocumentChecker {
  private readonly violations = new Set<string>();
  private readonly schemas = new Map<object, z.ZodType>();
  private readonly operations: readonly (Operation & { readonly pattern: RegExp })[];

  constructor(private readonly document: OpenAPIObject) {
    // Literal segments win over parameters: `/users/me` before `/users/{id}`.
    const operations = operationsOf(document).sort(
      (a, b) => a.path.split('{').length - b.path.split('{').length,
    );
    this.operations = operations.map((operation) => ({
      ...operation,
      pattern: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    }));
  }

  check(method: string, url: string, response: Response): void {
    const path = new URL(url).pathname.replace(/^\/api\/v1\//, '/api/');
    const operation = this.operations.find(
      (candidate) => candidate.method === method.toLowerCase() && candidate.pattern.test(path),
    );
    if (!operation || response.status === 304) return;
    const name = `${method} ${operation.path} → ${response.status}`;
    const answer = operation.answers[String(response.status)];
    if (!answer) {
      if (response.status < 300) this.violations.add(`${name}: not documented`);
      return;
    }
    const sent = response.headers['content-type']?.split(';')[0];
    const types = Object.keys(answer.content ?? {});
    const type = types.find((each) => each === sent) ?? types[0];
    if (sent !== type) {
      this.violations.add(`${name}: sent as ${String(sent)}, documented as ${String(type)}`);
      return;
    }
    const schema = type === undefined ? undefined : answer.content?.[type]?.schema;
    if (!schema || !type?.endsWith('json')) return;
    const body: unknown =
      typeof response.body === 'string' ? JSON.parse(response.body) : bodyOf(type, response);
    const result = this.schemaOf(schema).safeParse(body);
    if (!result.success) this.violations.add(`${name}: ${z.prettifyError(result.error)}`);
  }

  assertClean(): void {
    if (this.violations.size === 0) return;
    throw new Error(`Answers differ from the document:\n${[...this.violations].join('\n')}`);
  }

  private schemaOf(schema: object): z.ZodType {
    const known = this.schemas.get(schema) ?? answerSchema(this.document, schema);
    this.schemas.set(schema, known);
    return known;
  }
}
