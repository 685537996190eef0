import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import {
  alertStatsQuery,
  analystStatsQuery,
  analystStatsSchema,
  caseStatsQuery,
  statsSchema,
  taskStatsQuery,
} from './stats.schema.js';
import type {
  AlertStatsQuery,
  AnalystStats,
  AnalystStatsQuery,
  CaseStatsQuery,
  Stats,
  TaskStatsQuery,
} from './stats.schema.js';
import { StatsService } from './stats.service.js';

@ApiTags('Statistics')
@Controller('stats')
export class StatsController {
  constructor(private readonly stats: StatsService) {}

  @Get('alerts')
  @Auth('alerts:read')
  @Answers('Count the alerts created in a window, and how fast they were handled', statsSchema)
  alerts(
    @Caller() principal: Principal,
    @Query({ schema: alertStatsQuery }) query: AlertStatsQuery,
  ): Promise<Stats> {
    return this.stats.alerts(principal, query);
  }

  @Get('cases')
  @Auth('cases:read')
  @Answers('Count the cases created in a window, and how fast they were handled', statsSchema)
  cases(
    @Caller() principal: Principal,
    @Query({ schema: caseStatsQuery }) query: CaseStatsQuery,
  ): Promise<Stats> {
    return this.stats.cases(principal, query);
  }

  @Get('tasks')
  @Auth('cases:read')
  @Answers('Count the tasks created in a window, and how fast they were done', statsSchema)
  tasks(
    @Caller() principal: Principal,
    @Query({ schema: taskStatsQuery }) query: TaskStatsQuery,
  ): Promise<Stats> {
    return this.stats.tasks(principal, query);
  }

  @Get('analysts')
  @Auth('alerts:read', 'cases:read')
  @Answers('Count what was done in a window, by whom it is assigned to', analystStatsSchema, {
    description:
      'The times are those of the alerts triaged (acknowledge, triage) and of the cases closed (resolve) in the window.',
  })
  analysts(
    @Caller() principal: Principal,
    @Query({ schema: analystStatsQuery }) query: AnalystStatsQuery,
  ): Promise<AnalystStats> {
    return this.stats.analysts(principal, query);
  }
}
