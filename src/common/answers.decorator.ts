import { HttpCode, applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { FileAnswer } from './input.guard.js';

interface AnswerOptions {
  readonly status?: number;
  readonly description?: string;
  /** Another status that the same answer may have. */
  readonly otherStatus?: number;
}

/** What the route does in a line, its status and the schema of its answer; errors are added to the document by rule. */
export function Answers(
  summary: string,
  schema: z.ZodType | null,
  options: AnswerOptions = {},
): MethodDecorator {
  const { status = schema ? 200 : 204, description, otherStatus = status } = options;
  const answer = { description: summary, ...(schema && { standardSchema: schema }) };
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary, ...(description !== undefined && { description }) }),
    ApiResponse({ status, ...answer }),
    ApiResponse({ status: otherStatus, ...answer }),
  );
}

/** What the route does in a line; it answers text of one of these types, whatever the request accepts. */
export function AnswersText(
  summary: string,
  types: Readonly<Record<string, object>>,
): MethodDecorator {
  return applyDecorators(
    FileAnswer(),
    ApiOperation({ summary }),
    ApiResponse({
      status: 200,
      description: summary,
      content: Object.fromEntries(
        Object.entries(types).map(([type, schema]) => [type, { schema }]),
      ),
    }),
  );
}

/** What the route does in a line; it answers the bytes of a file. */
export function AnswersFile(summary: string): MethodDecorator {
  return applyDecorators(
    FileAnswer(),
    ApiOperation({ summary }),
    ApiProduces('application/octet-stream'),
    ApiResponse({
      status: 200,
      description: summary,
      content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
    }),
  );
}

/** What the route does in a line; it answers JSON, or the same as text of another type. */
export function AnswersDocument(
  summary: string,
  schema: z.ZodType,
  textType: string,
  description: string,
): MethodDecorator {
  return applyDecorators(
    FileAnswer(),
    Answers(summary, schema, { description }),
    ApiProduces('application/json', textType),
  );
}
