import { Controller, Get, Query, Res } from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers, AnswersText } from '../common/answers.decorator.js';
import type { Page } from '../common/pagination.js';
import { textFile } from '../common/text-file.js';
import { AuditTrail } from './audit-trail.service.js';
import { AuditVerification } from './audit-verification.service.js';
import {
  auditEntrySchema,
  auditListQuery,
  auditVerdictSchema,
  exportAuditQuery,
} from './audit.schema.js';
import type { AuditEntry, AuditListQuery, AuditVerdict, ExportAuditQuery } from './audit.schema.js';

const FORMATS = {
  jsonl: { type: 'application/jsonl; charset=utf-8', name: 'audit.jsonl' },
  csv: { type: 'text/csv; charset=utf-8', name: 'audit.csv' },
} as const;

@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  constructor(
    private readonly trail: AuditTrail,
    private readonly verification: AuditVerification,
  ) {}

  @Get()
  @Auth('admin:*')
  @Answers('List audit entries, newest first', z.array(auditEntrySchema), {
    description:
      'Administrators see those of their organizations, of the platform all. What an entry is about may lie above the clearance of who reads it: an audit with gaps would prove nothing.',
  })
  list(
    @Caller() principal: Principal,
    @Query({ schema: auditListQuery }) query: AuditListQuery,
  ): Promise<Page<AuditEntry>> {
    return this.trail.list(principal, query);
  }

  @Get('verify')
  @Auth('admin:*')
  @Answers('Check the audit trail against its seals', auditVerdictSchema, {
    description:
      'Walks every chain of the organizations of the caller, of the platform all, and names the first break. A million entries take about a minute.',
  })
  verify(
    @Caller() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<AuditVerdict> {
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    return this.verification.verify(principal, { signal: gone.signal });
  }

  @Get('export')
  @Auth('admin:*')
  @AnswersText('Export audit entries, chain by chain, as JSON lines or CSV', {
    'application/jsonl': { type: 'string' },
    'text/csv': { type: 'string' },
  })
  async export(
    @Caller() principal: Principal,
    @Query({ schema: exportAuditQuery }) query: ExportAuditQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const text = await this.trail.export(principal, query);
    return textFile(response, text, FORMATS[query.format]);
  }
}
