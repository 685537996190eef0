import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import type { JsonText } from '../common/json-text.js';
import type { Page } from '../common/pagination.js';
import { caseAlertListQuery } from './alert-filter.js';
import type { CaseAlertListQuery } from './alert-filter.js';
import { AlertPromotionService } from './alert-promotion.service.js';
import { alertSchema } from './alerts.schema.js';
import type { Alert } from './alerts.schema.js';
import { AlertsService } from './alerts.service.js';

@ApiTags('Cases')
@Controller('cases/:id/alerts')
export class CaseAlertsController {
  constructor(
    private readonly alerts: AlertsService,
    private readonly promotion: AlertPromotionService,
  ) {}

  @Get()
  @Auth('cases:read', 'alerts:read')
  @Answers('List the alerts of a case', z.array(alertSchema))
  list(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: caseAlertListQuery }) query: CaseAlertListQuery,
  ): Promise<Page<JsonText<Alert>>> {
    return this.alerts.listOfCase(principal, id, query);
  }

  @Delete(':alertId')
  @Auth('cases:write', 'alerts:write')
  @Answers('Take an alert off a case', null)
  unlink(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('alertId', { schema: idSchema }) alertId: string,
  ): Promise<void> {
    return this.promotion.unlink(principal, id, alertId);
  }
}
