import { Body, Controller, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { mergeQuery } from '../cases/cases.schema.js';
import type { MergeQuery } from '../cases/cases.schema.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import { AlertPromotionService } from './alert-promotion.service.js';
import {
  alertSchema,
  caseFromAlertsSchema,
  createCaseFromAlertsSchema,
  mergeAlertsSchema,
} from './alerts.schema.js';
import type { Alert, CaseFromAlerts, CreateCaseFromAlerts, MergeAlerts } from './alerts.schema.js';

@ApiTags('Alerts')
@Controller()
export class AlertPromotionController {
  constructor(private readonly promotion: AlertPromotionService) {}

  @Post('alerts/create-case')
  @Auth('alerts:write', 'cases:write')
  @Answers('Open a case from alerts', caseFromAlertsSchema)
  createCase(
    @Caller() principal: Principal,
    @Body({ schema: createCaseFromAlertsSchema }) input: CreateCaseFromAlerts,
  ): Promise<CaseFromAlerts> {
    return this.promotion.createCase(principal, input);
  }

  @Post('alerts/merge/:caseId')
  @Auth('alerts:write', 'cases:write')
  @Answers('Merge several alerts into a case', z.array(alertSchema))
  mergeMany(
    @Caller() principal: Principal,
    @Param('caseId', { schema: idSchema }) caseId: string,
    @Body({ schema: mergeAlertsSchema }) { alertIds }: MergeAlerts,
    @Query({ schema: mergeQuery }) { reopen }: MergeQuery,
  ): Promise<Alert[]> {
    return this.promotion.merge(principal, caseId, alertIds, { reopen, isInPath: false });
  }

  @Post('alerts/:alertId/merge/:caseId')
  @Auth('alerts:write', 'cases:write')
  @Answers('Merge an alert into a case', alertSchema)
  async merge(
    @Caller() principal: Principal,
    @Param('alertId', { schema: idSchema }) alertId: string,
    @Param('caseId', { schema: idSchema }) caseId: string,
    @Query({ schema: mergeQuery }) { reopen }: MergeQuery,
  ): Promise<Alert | undefined> {
    const [alert] = await this.promotion.merge(principal, caseId, [alertId], {
      reopen,
      isInPath: true,
    });
    return alert;
  }
}
