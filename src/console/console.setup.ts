import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { pathOf } from '../common/request.js';
import { allowedMethods } from '../common/route-table.js';
import type { ConsoleAssets } from './console-assets.js';
import { consolePage, missingPage } from './console-pages.js';
import { PAGES } from './pages.js';

/** Nothing inline, nothing from elsewhere, and no frame around it (CSP Level 3). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What answers for itself below these, also where there is nothing. */
const NO_PAGES = /^\/(?:api|docs|assets)(?:\/|$)/;

/** Serves the console at `/` and below, its assets, and a page for people at paths that do not exist. */
export function setupConsole(app: NestExpressApplication, assets: ConsoleAssets): void {
  const express = app.getHttpAdapter().getInstance();
  const page = consolePage(assets);
  const missing = missingPage(assets);
  for (const path of Object.values(PAGES)) {
    express.get(path, (_request: Request, response: Response) => {
      sendPage(response, page);
    });
  }
  for (const { path, type, content } of Object.values(assets)) {
    express.get(path, (_request: Request, response: Response) => {
      response.setHeader('Content-Type', type);
      response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
      response.end(content);
    });
  }
  express.use((request: Request, response: Response, next: NextFunction) => {
    if (isForNobody(request)) sendPage(response.status(404), missing);
    else next();
  });
}

/** Sends a page for people, which takes nothing from elsewhere. */
export function sendPage(response: Response, page: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Content-Security-Policy', POLICY);
  response.end(page);
}

/** Whether a browser asks for a page that does not exist. */
function isForNobody(request: Request): boolean {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (!headers.accept?.includes('text/html')) return false;
  return !NO_PAGES.test(pathOf(request)) && allowedMethods(request).length === 0;
}
