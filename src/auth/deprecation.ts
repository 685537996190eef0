import type { Response } from 'express';

/** When the access and secret key became deprecated, 2025-01-01 (RFC 9745 wants Unix seconds). */
const DEPRECATED_SINCE = '@1735689600';
const NOTICE = '</docs#legacy-authentication>; rel="deprecation"; type="text/html"';

/** Marks an answer to a pair as deprecated (RFC 9745), with its end where one is set (RFC 8594). */
export function announcePairDeprecation(response: Response, sunset: Date | undefined): void {
  response.setHeader('Deprecation', DEPRECATED_SINCE);
  response.setHeader('Link', NOTICE);
  if (sunset) response.setHeader('Sunset', sunset.toUTCString());
}
