import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { alertNotFound } from '../alerts/alerts.errors.js';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import { activityListQuery, activitySchema } from './activities.schema.js';
import type { Activity, ActivityListQuery } from './activities.schema.js';
import { ActivitiesService } from './activities.service.js';

@ApiTags('History')
@Controller()
export class ActivitiesController {
  constructor(private readonly activities: ActivitiesService) {}

  @Get('alerts/:id/activities')
  @Auth('alerts:read')
  @Answers('Read the history of an alert, newest first', z.array(activitySchema))
  ofAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: activityListQuery }) query: ActivityListQuery,
  ): Promise<Activity[]> {
    return this.activities.list(principal, { kind: 'alert', id, notFound: alertNotFound }, query);
  }

  @Get('cases/:id/activities')
  @Auth('cases:read')
  @Answers('Read the history of a case, newest first', z.array(activitySchema))
  ofCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: activityListQuery }) query: ActivityListQuery,
  ): Promise<Activity[]> {
    return this.activities.list(principal, { kind: 'case', id, notFound: caseNotFound }, query);
  }
}
