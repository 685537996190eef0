import { createParamDecorator } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { staleVersion } from './errors.js';

/** The strong entity tag of a record's version (RFC 9110 §8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** Whether an `If-Match` or `If-None-Match` header names the tag; weak tags match only where allowed. */
export function headerNames(header: string, etag: string, allowWeak: boolean): boolean {
  return header.split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag === etag || (allowWeak && tag === `W/${etag}`);
  });
}

/** What the caller last read: refuses a record that has changed since. */
export class Precondition {
  constructor(private readonly ifMatch: string | undefined) {}

  /** @throws AppError `STALE_VERSION` */
  assertMatches(version: number): void {
    if (this.ifMatch === undefined || headerNames(this.ifMatch, etagOf(version), false)) return;
    throw staleVersion(
      this.ifMatch.includes('"')
        ? undefined
        : `If-Match takes the ETag with its quotes, such as "${version}".`,
    );
  }
}

/** What changes whatever version there is. */
export const NO_PRECONDITION = new Precondition(undefined);

/** The `If-Match` of the request, for the service to test where it holds the row; documented where it is taken. */
export const IfMatch = createParamDecorator(
  (_: unknown, context: ExecutionContext): Precondition => {
    return new Precondition(context.switchToHttp().getRequest<Request>().headers['if-match']);
  },
  [
    (target, key) => {
      const descriptor = key && Object.getOwnPropertyDescriptor(target, key);
      if (descriptor) IF_MATCH_HEADER(target, key, descriptor);
    },
  ],
);

const IF_MATCH_HEADER = ApiHeader({
  name: 'If-Match',
  required: false,
  description: 'The `ETag` the change is based on; 412 when the record has moved on.',
});
