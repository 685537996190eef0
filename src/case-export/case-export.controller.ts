import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { AnswersDocument } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import { caseExportQuery, caseExportSchema } from './case-export.schema.js';
import type { CaseExport, CaseExportQuery } from './case-export.schema.js';
import { caseReport } from './case-report.js';
import { CaseExportService } from './case-export.service.js';

@ApiTags('Cases')
@Controller('cases')
export class CaseExportController {
  constructor(private readonly exports: CaseExportService) {}

  @Get(':id/export')
  @Auth('cases:read')
  @AnswersDocument(
    'Export a case with all that belongs to it',
    caseExportSchema,
    'text/markdown',
    'One JSON document, or with `?format=markdown` a report. Alerts are in it for keys with `alerts:read`.',
  )
  async export(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: caseExportQuery }) { format }: CaseExportQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CaseExport | string> {
    const exported = await this.exports.export(principal, id);
    const name = `case-${exported.case.tinyId}`;
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (format === 'json') {
      response.attachment(`${name}.json`);
      return exported;
    }
    response.attachment(`${name}.md`);
    response.setHeader('Content-Type', 'text/markdown; charset=utf-8');
    return caseReport(exported, new Date().toISOString());
  }
}
