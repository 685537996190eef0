import { Controller, Delete, Get, Param, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers, AnswersFile } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { TakesFiles, Uploaded } from '../storage/upload.guard.js';
import type { Upload } from '../storage/upload.guard.js';
import { attachmentListQuery, attachmentSchema, downloadQuery } from './attachments.schema.js';
import type { Attachment, AttachmentListQuery, DownloadQuery } from './attachments.schema.js';
import { AttachmentsService } from './attachments.service.js';

@ApiTags('Attachments')
@Controller()
export class AttachmentsController {
  constructor(private readonly attachments: AttachmentsService) {}

  @Get('alerts/:id/attachments')
  @Auth('alerts:read')
  @Answers('List the files of an alert', z.array(attachmentSchema))
  listOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: attachmentListQuery }) query: AttachmentListQuery,
  ): Promise<Page<Attachment>> {
    return this.attachments.list(principal, { kind: 'alert', id }, query);
  }

  @Post('alerts/:id/attachments')
  @Auth('alerts:write')
  @TakesFiles()
  @Answers('Attach files to an alert', z.array(attachmentSchema), { status: 201 })
  createUnderAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Uploaded() { files }: Upload,
  ): Promise<Attachment[]> {
    return this.attachments.create(principal, { kind: 'alert', id }, files);
  }

  @Get('cases/:id/attachments')
  @Auth('cases:read')
  @Answers('List the files of a case', z.array(attachmentSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: attachmentListQuery }) query: AttachmentListQuery,
  ): Promise<Page<Attachment>> {
    return this.attachments.list(principal, { kind: 'case', id }, query);
  }

  @Post('cases/:id/attachments')
  @Auth('cases:write')
  @TakesFiles()
  @Answers('Attach files to a case', z.array(attachmentSchema), { status: 201 })
  createUnderCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Uploaded() { files }: Upload,
  ): Promise<Attachment[]> {
    return this.attachments.create(principal, { kind: 'case', id }, files);
  }

  @Get('tasks/:id/attachments')
  @Auth('cases:read')
  @Answers('List the files of a task', z.array(attachmentSchema))
  listOfTask(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: attachmentListQuery }) query: AttachmentListQuery,
  ): Promise<Page<Attachment>> {
    return this.attachments.list(principal, { kind: 'task', id }, query);
  }

  @Post('tasks/:id/attachments')
  @Auth('cases:write')
  @TakesFiles()
  @Answers('Attach files to a task', z.array(attachmentSchema), { status: 201 })
  createUnderTask(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Uploaded() { files }: Upload,
  ): Promise<Attachment[]> {
    return this.attachments.create(principal, { kind: 'task', id }, files);
  }

  @Get('attachments/:id')
  @AuthAnyOf('alerts:read', 'cases:read')
  @Answers('Read what is known of a file', attachmentSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Attachment> {
    return this.attachments.get(principal, id);
  }

  @Delete('attachments/:id')
  @AuthAnyOf('alerts:write', 'cases:write')
  @Answers('Delete a file that no observable is', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<void> {
    return this.attachments.remove(principal, id);
  }

  @Get('attachments/:id/download')
  @AuthAnyOf('alerts:read', 'cases:read')
  @AnswersFile('Download a file; no browser shows it')
  async download(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: downloadQuery }) query: DownloadQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { name, size, content } = await this.attachments.download(principal, id, query);
    response.attachment(name);
    // The type that was sent is a claim of whoever sent it: nothing may be shown, run or guessed from it.
    response.setHeader('Content-Type', 'application/octet-stream');
    if (size !== null) response.setHeader('Content-Length', size);
    response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
    response.setHeader('X-Content-Type-Options', 'nosniff');
    return breakingOff(new StreamableFile(content));
  }
}

/** Breaks off an answer whose content fails before its first byte, too: Nest would answer 400. */
function breakingOff(file: StreamableFile): StreamableFile {
  const { errorHandler } = file;
  return file.setErrorHandler((error, response) => {
    if (response.headersSent) errorHandler(error, response);
    else response.destroy?.();
  });
}
