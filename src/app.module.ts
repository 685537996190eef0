import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { ActivitiesModule } from './activities/activities.module.js';
import { AlertsModule } from './alerts/alerts.module.js';
import { ApiKeysModule } from './api-keys/api-keys.module.js';
import { AttachmentsModule } from './attachments/attachments.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthGuard } from './auth/auth.guard.js';
import { AuthModule } from './auth/auth.module.js';
import { ScopeGuard } from './auth/scope.guard.js';
import { CaseTemplatesModule } from './case-templates/case-templates.module.js';
import { CaseExportModule } from './case-export/case-export.module.js';
import { CaseLinksModule } from './case-links/case-links.module.js';
import { CasesModule } from './cases/cases.module.js';
import { ClientsModule } from './clients/clients.module.js';
import { AnswerInterceptor } from './common/answer.interceptor.js';
import { CommentsModule } from './comments/comments.module.js';
import { CommonModule } from './common/common.module.js';
import { IdempotencyInterceptor } from './common/idempotency.interceptor.js';
import { InputGuard } from './common/input.guard.js';
import { ProblemFilter } from './common/problem.filter.js';
import { AppConfig } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { CustomFieldsModule } from './custom-fields/custom-fields.module.js';
import { DatabaseModule } from './database/database.module.js';
import { HealthModule } from './health/health.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { ObservableTypesModule } from './observable-types/observable-types.module.js';
import { ObservablesModule } from './observables/observables.module.js';
import { OrganizationsModule } from './organizations/organizations.module.js';
import { RateLimitGuard } from './rate-limit/rate-limit.guard.js';
import { SearchModule } from './search/search.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SlaModule } from './sla/sla.module.js';
import { StatsModule } from './stats/stats.module.js';
import { StorageModule } from './storage/storage.module.js';
import { TagsModule } from './tags/tags.module.js';
import { TasksModule } from './tasks/tasks.module.js';
import { TeamsModule } from './teams/teams.module.js';
import { TimelineModule } from './timeline/timeline.module.js';
import { TtpsModule } from './ttps/ttps.module.js';
import { UsersModule } from './users/users.module.js';

const FEATURES = [
  AlertsModule,
  CasesModule,
  CaseLinksModule,
  CaseExportModule,
  ObservablesModule,
  ObservableTypesModule,
  ActivitiesModule,
  AttachmentsModule,
  CommentsModule,
  TasksModule,
  TimelineModule,
  SearchModule,
  StatsModule,
  TtpsModule,
  TagsModule,
  ClientsModule,
  CustomFieldsModule,
  CaseTemplatesModule,
  SlaModule,
  UsersModule,
  OrganizationsModule,
  TeamsModule,
  ApiKeysModule,
  SessionsModule,
  HealthModule,
];

/** The features, and the one way of a request: guards, then interceptors, in this order. */
@Module({})
export class AppModule {
  static with(config: AppConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        CommonModule,
        DatabaseModule,
        AuthModule,
        AuditModule,
        JobsModule,
        StorageModule,
        ...FEATURES,
      ],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_GUARD, useClass: RateLimitGuard },
        { provide: APP_GUARD, useClass: ScopeGuard },
        { provide: APP_GUARD, useClass: InputGuard },
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useClass: AnswerInterceptor },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
