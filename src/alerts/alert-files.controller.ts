import { Controller, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import type { JsonText } from '../common/json-text.js';
import { TakesFiles, Uploaded } from '../storage/upload.guard.js';
import type { Upload } from '../storage/upload.guard.js';
import { Dedup, DEDUP_HEADER } from './alert-dedup.js';
import type { DedupPolicy } from './alert-dedup.js';
import { AlertIntakeService } from './alert-intake.service.js';
import { ALERT_WITH_FILES_EXAMPLE, alertSchema, parseAlertPart } from './alerts.schema.js';
import type { Alert } from './alerts.schema.js';

@ApiTags('Alerts')
@Controller('alerts-attachments')
export class AlertFilesController {
  constructor(private readonly intake: AlertIntakeService) {}

  @Post()
  @Auth('alerts:write')
  @TakesFiles({ schemaId: 'CreateAlert', example: ALERT_WITH_FILES_EXAMPLE })
  @ApiHeader(DEDUP_HEADER)
  @Answers('Create an alert with files', alertSchema, {
    description:
      'An observable of the type `file` whose `attachment` is the name of an upload is that file. A name without an upload, an upload that nobody names and two uploads of one name are 400, and nothing is stored.',
  })
  async create(
    @Caller() principal: Principal,
    @Uploaded() { json, files }: Upload,
    @Dedup() policy: DedupPolicy | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<JsonText<Alert>> {
    const input = parseAlertPart(json);
    const { alert, isDuplicate } = await this.intake.createWithFiles(
      principal,
      input,
      files,
      policy,
    );
    if (isDuplicate) response.setHeader('X-Alert-Deduplicated', 'true');
    return alert;
  }
}
