import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { SECURITY_SCHEMES } from '../auth/auth.decorator.js';
import { API_KEY_PATTERN } from '../auth/api-key-format.js';
import { SESSION_COOKIE } from '../config/config.js';
import type { ConsoleAssets } from '../console/console-assets.js';
import { sendPage } from '../console/console.setup.js';
import { describeContract } from './contract.js';
import { errorsPage } from './errors-page.js';

const DESCRIPTION = `
An open, self-hosted server of the CaseBender API: detection tools send **alerts**, analysts turn them
into **cases** with **observables**.

## Authentication
Send an API key: \`Authorization: Bearer cbr_live_…\` or \`X-Api-Key: cbr_live_…\`. Each key has a tier
(rate limits) and scopes. Secret scanners find keys by \`${API_KEY_PATTERN.source}\`.

<span id="legacy-authentication"></span>
### Legacy authentication
The older pair \`X-Api-Key\` (access key) and \`X-Api-Secret\` (secret key) still works and is **deprecated**:
each answer carries \`Deprecation\`, and \`Sunset\` once the end is set. Replace a pair by
\`POST /api/api-keys/{id}/rotate\`: it answers an API key with the same rights.

### Signing in
People sign in with \`POST /api/auth/login\`, which sets a session cookie. A session may do what the role of the
person allows, in all organizations of the person. Requests that change something must carry the \`csrfToken\` of the
answer in \`X-CSRF-Token\`. A cookie beside a key is ignored.

## Trying requests
In the browser at \`/docs\`: press **Authorize**, paste your API key under \`apiKey\`, then **Execute** at any operation.
Requests are sent to this server, with that key alone.

## Errors
Errors are problem bodies (RFC 9457) with a stable \`code\`; [all codes](/docs/errors).

## Lists
Lists answer a bare array. While there is more, \`Link: <…>; rel="next"\` leads to the next page.

## Concurrency and retries
Records carry an \`ETag\`; send it back in \`If-Match\` to refuse a change of a record that has moved on (412).
Any POST may carry an \`Idempotency-Key\`: repeated within 24 hours, it answers as the first time.
`;

/** The OpenAPI document of the API, without the `/api/v1` twins of its routes. */
export function createDocument(app: NestExpressApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('CaseBender API')
    .setDescription(DESCRIPTION.trim())
    .setVersion('1.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .setOpenAPIVersion('3.1.0')
    .addServer('/', 'This server')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'cbr_live_…',
        description:
          'Paste your API key here, without `Bearer`: it begins with `cbr_live_` and goes with every request that you send from this page. Create one in the [console](/account/api-keys): **Account → API Keys → Create API Key**. It is forgotten when you leave the page.',
      },
      SECURITY_SCHEMES.bearer,
    )
    .addApiKey(
      {
        type: 'apiKey',
        in: 'header',
        name: 'X-Api-Key',
        description: 'The same API key in its own header.',
      },
      SECURITY_SCHEMES.header,
    )
    .addApiKey(
      {
        type: 'apiKey',
        in: 'header',
        name: 'X-Api-Key',
        description:
          '**Deprecated.** The access key of an older pair, with its secret key. Use an API key.',
      },
      SECURITY_SCHEMES.access,
    )
    .addApiKey(
      {
        type: 'apiKey',
        in: 'header',
        name: 'X-Api-Secret',
        description: '**Deprecated.** The secret key of an older pair. Use an API key.',
      },
      SECURITY_SCHEMES.secret,
    )
    .addCookieAuth(
      SESSION_COOKIE,
      {
        type: 'apiKey',
        in: 'cookie',
        description:
          'The session of a signed-in person, as `POST /api/auth/login` sets it; behind TLS the name has `__Host-` before it. Changes need `X-CSRF-Token` as well.',
      },
      SECURITY_SCHEMES.session,
    )
    .build();
  const document = SwaggerModule.createDocument(app, builder, {
    operationIdFactory: (controller, method, version) =>
      `${controller.replace('Controller', '').toLowerCase()}-${method}${version ? `-v${version}` : ''}`,
  });
  return describeContract(document);
}

/** Requests from the page go with the key that was given there, never with the session of who looks at it. */
function withoutSession(request: { credentials?: string }): object {
  request.credentials = 'omit';
  return request;
}

/** Serves `/docs`, `/docs/errors`, `/docs-json` and `/docs-yaml`; nothing is loaded from another host. */
export function setupDocs(app: NestExpressApplication, assets: ConsoleAssets): void {
  const errors = errorsPage(assets);
  app
    .getHttpAdapter()
    .getInstance()
    .get('/docs/errors', (_request: Request, response: Response) => {
      sendPage(response, errors);
    });
  let document: OpenAPIObject | null = null;
  SwaggerModule.setup('docs', app, () => (document ??= createDocument(app)), {
    customSiteTitle: 'API documentation · CaseBender',
    customfavIcon: assets['icon.svg'].path,
    customCssUrl: assets['docs.css'].path,
    customJs: [assets['theme.js'].path, assets['docs.js'].path],
    swaggerOptions: {
      persistAuthorization: false,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      validatorUrl: null,
      requestInterceptor: withoutSession,
    },
  });
}
