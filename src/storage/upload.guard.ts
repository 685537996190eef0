import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Injectable, UseGuards, applyDecorators, createParamDecorator } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBody, ApiConsumes, ApiExtension } from '@nestjs/swagger';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import multer from 'multer';
import { AppError, invalidValue, unavailable } from '../common/errors.js';
import {
  MultipartBody,
  OTHER_BODIES,
  OtherBody,
  isMultipart,
  multipartUse,
} from '../common/input.guard.js';
import { AppConfig } from '../config/config.js';
import { BlobsService } from './blobs.service.js';
import type { HeldFile } from './blobs.service.js';
import { cleanContentType, cleanFileName } from './file-name.js';
import type { ReceivedFile } from './file-store.js';
import { IncomingFiles } from './incoming-files.js';

const FIELDS_MAX = 20;
const FIELD_NAME_MAX = 100;
/** Room for boundaries and headers of parts. */
const FRAMING_BYTES = 65_536;

/** What a request emits when a file is refused: its parser tells only after reading all that is still to come. */
const REFUSED = Symbol('refused');

/** A file that came with the request; it stays if the request attaches it. */
export interface UploadedFile extends HeldFile {
  readonly name: string;
  readonly contentType: string;
}

/** What a multipart request brought: its files in order, and the text part `alert` of those that have one. */
export interface Upload {
  readonly files: readonly UploadedFile[];
  readonly json: string | null;
}

/** The text parts of a form instead of a JSON body, which whoever takes them judges. */
export class FormFields extends OtherBody<Readonly<Record<string, unknown>>> {}

declare module 'express-serve-static-core' {
  interface Request {
    upload?: Upload;
  }
}

/** What the engine leaves of a part: a file on disk, or the text of one that holds JSON. */
interface Part extends Express.Multer.File {
  readonly received?: ReceivedFile;
  readonly text?: string;
}

const FILE_PARTS = {
  type: 'array',
  items: { type: 'string', format: 'binary' },
  description:
    'Up to 10 files, unless the server is configured otherwise, each a part of its own named `file`.',
};

/** The route takes `multipart/form-data` with parts `file`; with `json`, also a part of that name holding JSON text. */
export function TakesFiles(json?: { readonly schemaId: string; readonly example: object }) {
  return applyDecorators(
    MultipartBody('alone'),
    UseGuards(UploadGuard),
    ApiConsumes('multipart/form-data'),
    ApiBody({
      schema: {
        type: 'object',
        required: json ? ['alert'] : ['file'],
        properties: {
          ...(json && {
            alert: {
              type: 'string',
              contentMediaType: 'application/json',
              description: `JSON text, as \`${json.schemaId}\`.`,
            },
          }),
          file: FILE_PARTS,
        },
        example: json ? json.example : { file: ['log.txt'] },
      } as object,
    }),
  );
}

/** The route takes JSON, or `multipart/form-data` with parts `file` and text parts, which come as `FormFields`. */
export function TakesFilesOrJson(texts: Readonly<Record<string, object>>) {
  const schema = {
    type: 'object',
    required: ['file'],
    properties: { ...texts, file: FILE_PARTS },
  };
  return applyDecorators(
    MultipartBody('or-json'),
    UseGuards(UploadGuard),
    ApiExtension(OTHER_BODIES, { 'multipart/form-data': schema }),
  );
}

/** What the request brought. */
export const Uploaded = createParamDecorator((_: unknown, context: ExecutionContext): Upload => {
  const { upload } = context.switchToHttp().getRequest<Request>();
  return upload ?? { files: [], json: null };
});

/** Streams the files of a request to disk, after the guards that know the caller. What is not attached goes with the request. */
@Injectable()
export class UploadGuard implements CanActivate {
  private readonly parse: RequestHandler;

  constructor(
    private readonly incoming: IncomingFiles,
    private readonly blobs: BlobsService,
    private readonly config: AppConfig,
    private readonly reflector: Reflector,
  ) {
    this.parse = multer({
      storage: this.engine(),
      defParamCharset: 'utf8',
      // Names are cleaned here, where one that is all path is not taken for none.
      preservePath: true,
      limits: {
        fileSize: config.uploadBytesMax,
        files: config.uploadFilesMax + 1,
        fields: FIELDS_MAX,
        fieldSize: config.bodyBytesMax,
        fieldNameSize: FIELD_NAME_MAX,
        parts: config.uploadFilesMax + FIELDS_MAX + 1,
      },
    }).fields([{ name: 'file' }, { name: 'alert', maxCount: 1 }]);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const use = multipartUse(this.reflector, context.getHandler()) ?? 'alone';
    if (!isMultipart(request, use)) return true;
    if (!/^multipart\/form-data\s*;/i.test(request.headers['content-type'] ?? '')) {
      throw new AppError(
        'UNSUPPORTED_MEDIA_TYPE',
        'Send the body as multipart/form-data with a boundary.',
      );
    }
    const { uploadBytesMax, uploadFilesMax, bodyBytesMax } = this.config;
    const bytesMax = uploadFilesMax * uploadBytesMax + bodyBytesMax + FRAMING_BYTES;
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    const parts = await this.read(request, response);
    const { file = [], alert = [] } = parts;
    const json = alert[0];
    const received = file.flatMap((part) => part.received ?? []);
    const fault = faultOf(request, json !== undefined);
    if (fault) {
      await Promise.all(received.map((each) => this.incoming.discard(each)));
      throw fault;
    }
    const held = await this.blobs.hold(received);
    onceClosed(response, () => void this.blobs.release(held));
    const files = file.map((part, index): UploadedFile => {
      const content = held[index];
      if (!content) throw new Error('A file without content.');
      return {
        ...content,
        name: cleanFileName(part.originalname),
        contentType: cleanContentType(part.mimetype),
      };
    });
    const upload = { files, json: json?.text ?? textOfField(request, 'alert') };
    request.upload = upload;
    const fields = { ...(request.body as object) };
    request.contentDigest = digestOf(upload, fields);
    if (use === 'or-json') request.body = new FormFields(fields);
    return true;
  }

  private async read(request: Request, response: Response): Promise<Record<string, Part[]>> {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => {
        if (error === undefined) resolve();
        else reject(this.refusal(error));
      };
      request.once(REFUSED, done);
      void this.parse(request, response, done as NextFunction);
    });
    const parts = (request.files ?? {}) as Record<string, Part[]>;
    if ((parts.file?.length ?? 0) > this.config.uploadFilesMax) {
      await Promise.all((parts.file ?? []).map((part) => this.discard(part)));
      throw tooMany(this.config.uploadFilesMax);
    }
    return parts;
  }

  private async discard({ received }: Part): Promise<void> {
    if (received) await this.incoming.discard(received);
  }

  private engine(): multer.StorageEngine {
    return {
      _handleFile: (request, file, callback) => {
        file.stream.once('limit', () => {
          file.stream.destroy(tooLarge(this.config.uploadBytesMax));
        });
        const taken =
          file.fieldname === 'alert'
            ? textOf(file.stream, this.config.bodyBytesMax).then((text) => ({ text }))
            : this.incoming.receive(file.stream).then((received) => ({ received }));
        taken.then(
          (info) => {
            callback(null, info as Partial<Express.Multer.File>);
          },
          (error: unknown) => {
            request.emit(REFUSED, error);
            callback(error);
          },
        );
      },
      _removeFile: (_request, file, callback) => {
        this.discard(file).then(() => {
          callback(null);
        }, callback);
      },
    };
  }

  /** What the parser's refusal means to the caller. */
  private refusal(error: Error): Error {
    if (error instanceof AppError) return error;
    const { code, field }: Error & { code?: string; field?: string } = error;
    switch (code) {
      case 'LIMIT_FILE_SIZE':
        return tooLarge(this.config.uploadBytesMax);
      case 'LIMIT_FILE_COUNT':
      case 'LIMIT_PART_COUNT':
        return tooMany(this.config.uploadFilesMax);
      case 'LIMIT_FIELD_VALUE':
        return tooLarge(this.config.bodyBytesMax);
      case 'LIMIT_UNEXPECTED_FILE':
        return invalidValue(field ?? '', 'no file is expected under this name; use `file`');
      case 'ENOSPC':
      case 'EDQUOT':
      case 'EROFS':
      case 'EACCES':
        return unavailable('Files cannot be stored right now.');
      default:
        return code?.startsWith('E')
          ? error
          : invalidValue('', 'The body is not complete, well-formed multipart/form-data.');
    }
  }
}

/** Calls back when the answer has gone out, or its connection has: at once if that was before. */
function onceClosed(response: Response, callback: () => void): void {
  if (response.destroyed) callback();
  else response.once('close', callback);
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('BODY_TOO_LARGE', `The upload is larger than ${bytesMax} bytes.`);
}

function tooMany(filesMax: number): AppError {
  return new AppError('BODY_TOO_LARGE', `A request may bring at most ${filesMax} files.`);
}

/** The text of a part that has a file name, as browsers send a blob. */
async function textOf(stream: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bytesMax) chunks.push(chunk);
  }
  if (size > bytesMax) throw tooLarge(bytesMax);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw invalidValue('alert', 'must be UTF-8');
  }
}

/** Why the text parts cannot be what was meant; null when they can. */
function faultOf(request: Request, hasAlertFile: boolean): AppError | null {
  const { alert, file } = (request.body ?? {}) as Record<string, unknown>;
  if (alert !== undefined && (hasAlertFile || typeof alert !== 'string'))
    return invalidValue('alert', 'must be one part');
  return file === undefined
    ? null
    : invalidValue('file', 'must be a file: a part with a file name');
}

function textOfField(request: Request, name: string): string | null {
  const value = (request.body as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : null;
}

/** What makes two uploads with one idempotency key the same request. */
function digestOf({ files, json }: Upload, fields: object): Buffer {
  const content = [
    json,
    fields,
    ...files.map((file) => [file.name, file.contentType, file.sha256]),
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest();
}
