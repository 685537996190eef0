import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers, AnswersText } from '../common/answers.decorator.js';
import { BulkBody, TakesText } from '../common/input.guard.js';
import type { TextBody } from '../common/input.guard.js';
import { textFile } from '../common/text-file.js';
import {
  exportObservablesQuery,
  importObservablesQuery,
  importedObservablesSchema,
  stixBundleSchema,
} from './observable-exchange.schema.js';
import type {
  ExportObservablesQuery,
  ImportObservablesQuery,
  ImportedObservables,
  StixBundle,
} from './observable-exchange.schema.js';
import { ObservableExportService } from './observable-export.service.js';
import { ObservableImportService } from './observable-import.service.js';

const FORMATS = {
  csv: { type: 'text/csv; charset=utf-8', name: 'observables.csv' },
  json: { type: 'application/json; charset=utf-8', name: 'observables.json' },
  stix: { type: 'application/stix+json;version=2.1', name: 'observables.stix.json' },
} as const;

@ApiTags('Observables')
@Controller('observables')
export class ObservableExchangeController {
  constructor(
    private readonly exports: ObservableExportService,
    private readonly imports: ObservableImportService,
  ) {}

  @Get('export')
  @Auth('observables:read')
  @AnswersText('Export observables as CSV, JSON or STIX 2.1', {
    'text/csv': { type: 'string' },
    'application/json': { type: 'array', items: { $ref: '#/components/schemas/Observable' } },
    'application/stix+json': { $ref: '#/components/schemas/StixBundle' },
  })
  async export(
    @Caller() principal: Principal,
    @Query({ schema: exportObservablesQuery }) query: ExportObservablesQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const text = await this.exports.export(principal, query);
    return textFile(response, text, FORMATS[query.format]);
  }

  @Post('import')
  @Auth('observables:write')
  @BulkBody()
  @TakesText('text/csv', 'A header line and a line for each observable, as an export writes them.')
  @Answers(
    'Import observables from STIX 2.1 or CSV into an alert or a case',
    importedObservablesSchema,
    {
      description:
        'Up to 10 000 observables; each is judged by itself, and all that can be taken are taken at once.',
    },
  )
  import(
    @Caller() principal: Principal,
    @Query({ schema: importObservablesQuery }) query: ImportObservablesQuery,
    @Body({ schema: stixBundleSchema }) body: StixBundle | TextBody,
  ): Promise<ImportedObservables> {
    return this.imports.import(principal, query, body);
  }
}
