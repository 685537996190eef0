import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { alertNotFound } from '../alerts/alerts.errors.js';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import { BulkBody } from '../common/input.guard.js';
import type { Page } from '../common/pagination.js';
import { observableSchema } from '../records/answer.schema.js';
import type { Observable } from '../records/answer.schema.js';
import type { Parent } from '../records/parent.js';
import { FormFields, TakesFilesOrJson, Uploaded } from '../storage/upload.guard.js';
import type { Upload } from '../storage/upload.guard.js';
import { CREATED, answerCreated, createdSchema } from './created-observables.js';
import { ObservableIntakeService } from './observable-intake.service.js';
import {
  FILE_OBSERVABLE_PARTS,
  childObservableListQuery,
  childObservableSchema,
  parseFileObservables,
} from './observables.schema.js';
import type { ChildObservable, ChildObservableListQuery } from './observables.schema.js';
import { ObservablesService } from './observables.service.js';

const CREATED_HERE = {
  ...CREATED,
  description: `${CREATED.description} As \`multipart/form-data\` each part \`file\` becomes an observable whose value is its content.`,
};

/** The observables of one alert or case. */
@ApiTags('Observables')
@Controller()
export class RecordObservablesController {
  constructor(
    private readonly observables: ObservablesService,
    private readonly intake: ObservableIntakeService,
  ) {}

  @Get('alerts/:id/observables')
  @Auth('observables:read')
  @Answers('List the observables of an alert', z.array(observableSchema))
  listOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: childObservableListQuery }) query: ChildObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.listUnder(
      principal,
      { kind: 'alert', id, notFound: alertNotFound },
      query,
    );
  }

  @Post('alerts/:id/observables')
  @Auth('observables:write')
  @BulkBody()
  @TakesFilesOrJson(FILE_OBSERVABLE_PARTS)
  @Answers('Add observables to an alert', createdSchema, CREATED_HERE)
  async createUnderAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: childObservableSchema }) input: ChildObservable | FormFields,
    @Uploaded() upload: Upload,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    const parent = { kind: 'alert', id, notFound: alertNotFound } as const;
    return this.create(principal, parent, input, upload, response);
  }

  @Get('cases/:id/observables')
  @Auth('observables:read')
  @Answers('List the observables of a case', z.array(observableSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: childObservableListQuery }) query: ChildObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.listUnder(
      principal,
      { kind: 'case', id, notFound: caseNotFound },
      query,
    );
  }

  @Post('cases/:id/observables')
  @Auth('observables:write')
  @BulkBody()
  @TakesFilesOrJson(FILE_OBSERVABLE_PARTS)
  @Answers('Add observables to a case', createdSchema, CREATED_HERE)
  async createUnderCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: childObservableSchema }) input: ChildObservable | FormFields,
    @Uploaded() upload: Upload,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    const parent = { kind: 'case', id, notFound: caseNotFound } as const;
    return this.create(principal, parent, input, upload, response);
  }

  private async create(
    principal: Principal,
    parent: Parent,
    input: ChildObservable | FormFields,
    { files }: Upload,
    response: Response,
  ): Promise<Observable | readonly Observable[]> {
    if (input instanceof FormFields) {
      const form = parseFileObservables(input.content);
      const created = await this.intake.createFromFiles(principal, parent, form, files);
      return answerCreated(created, files.length > 1, response);
    }
    const created = await this.intake.createUnder(principal, parent, input);
    return answerCreated(created, Array.isArray(input.data), response);
  }
}
