import { Readable } from 'node:stream';
import { Logger, StreamableFile } from '@nestjs/common';
import type { Response } from 'express';

const logger = new Logger('Export');

/** A stream that has its beginning already, so that what fails before is told like any failure. */
export async function startedStream(text: AsyncGenerator<string>): Promise<Readable> {
  const first = await text.next();
  async function* all(): AsyncGenerator<string> {
    if (!first.done) yield first.value;
    yield* text;
  }
  return Readable.from(all(), { objectMode: false });
}

/** Answers a stream as a file to be saved, which no browser shows. */
export function textFile(
  response: Response,
  text: Readable,
  { name, type }: { readonly name: string; readonly type: string },
): StreamableFile {
  response.attachment(name);
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
  response.setHeader('X-Content-Type-Options', 'nosniff');
  return new StreamableFile(text).setErrorHandler((error) => {
    logger.warn({ message: 'export broken off', reason: error.message });
    // Whoever reads must not take a part for the whole.
    response.destroy();
  });
}
