import type { ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';

/**
 * Helmet's headers on every answer.
 *
 * They are the same each time, so helmet's middlewares run once, at start, and their result is kept.
 */
export function securityHeaders(isTls: boolean) {
  const headers = headersOfHelmet(isTls);
  return (_request: Request, response: Response, next: NextFunction): void => {
    for (const [name, value] of headers) response.setHeader(name, value);
    next();
  };
}

function headersOfHelmet(isTls: boolean): [name: string, value: string][] {
  const headers: [string, string][] = [];
  const recorder = {
    setHeader: (name: string, value: string) => headers.push([name, value]),
    removeHeader: () => undefined,
  };
  const middleware = helmet({
    strictTransportSecurity: isTls,
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: isTls ? [] : null } },
  });
  middleware({} as never, recorder as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined)
      throw new Error('The security headers are misconfigured.', { cause: error });
  });
  return headers;
}
