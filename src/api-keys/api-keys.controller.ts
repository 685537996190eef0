import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Param,
  Patch,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { AuthOrSession, Caller } from '../auth/auth.decorator.js';
import { announcePairDeprecation } from '../auth/deprecation.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { AppConfig } from '../config/config.js';
import {
  apiKeyListQuery,
  apiKeySchema,
  apiKeysUsageQuery,
  createApiKeySchema,
  newApiKeySchema,
  newKeyPairSchema,
  rotateApiKeySchema,
  scopeRowSchema,
  tierRowSchema,
  updateApiKeySchema,
  usageOfSchema,
  usageSchema,
} from './api-keys.schema.js';
import type {
  ApiKey,
  ApiKeyListQuery,
  ApiKeyUsage,
  ApiKeyUsageOf,
  ApiKeysUsageQuery,
  CreateApiKey,
  NewApiKey,
  NewKeyPair,
  RotateApiKey,
  ScopeRow,
  TierRow,
  UpdateApiKey,
} from './api-keys.schema.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('API keys')
@Controller('api-keys')
export class ApiKeysController {
  constructor(
    private readonly apiKeys: ApiKeysService,
    private readonly config: AppConfig,
  ) {}

  @Get()
  @AuthOrSession('admin:*')
  @Answers('List API keys, newest first', z.array(apiKeySchema), {
    description: 'Administrators see those of their organizations, who is signed in the own.',
  })
  list(
    @Caller() principal: Principal,
    @Query({ schema: apiKeyListQuery }) query: ApiKeyListQuery,
  ): Promise<Page<ApiKey>> {
    return this.apiKeys.list(principal, query);
  }

  @Post()
  @AuthOrSession('admin:*')
  @CreatesAt('api-keys')
  @Header('Cache-Control', 'no-store')
  @Answers('Create an API key, shown this once', newApiKeySchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createApiKeySchema }) input: CreateApiKey,
  ): Promise<NewApiKey> {
    return this.apiKeys.create(principal, input);
  }

  @Post('legacy')
  @AuthOrSession('admin:*')
  @CreatesAt('api-keys')
  @Header('Cache-Control', 'no-store')
  @Answers('Create a deprecated access and secret key', newKeyPairSchema, { status: 201 })
  createPair(
    @Caller() principal: Principal,
    @Body({ schema: createApiKeySchema }) input: CreateApiKey,
    @Res({ passthrough: true }) response: Response,
  ): Promise<NewKeyPair> {
    announcePairDeprecation(response, this.config.legacyAuth.sunset);
    return this.apiKeys.createPair(principal, input);
  }

  @Get('tiers')
  @AuthOrSession('admin:*')
  @Answers('List the tiers and their limits', z.array(tierRowSchema))
  tiers(@Caller() principal: Principal): TierRow[] {
    return this.apiKeys.tiers(principal);
  }

  @Get('scopes')
  @AuthOrSession('admin:*')
  @Answers('List the scopes and what they allow', z.array(scopeRowSchema))
  scopes(@Caller() principal: Principal): ScopeRow[] {
    return this.apiKeys.scopes(principal);
  }

  @Get('usage')
  @AuthOrSession('admin:*')
  @Answers('Read the use of several API keys per hour, over the last day', z.array(usageOfSchema), {
    description: 'Hours without a request are left out; an unknown id matches nothing.',
  })
  usageOfMany(
    @Caller() principal: Principal,
    @Query({ schema: apiKeysUsageQuery }) query: ApiKeysUsageQuery,
  ): Promise<ApiKeyUsageOf[]> {
    return this.apiKeys.usageOfMany(principal, query);
  }

  @Get(':id')
  @AuthOrSession('admin:*')
  @Answers('Read an API key', apiKeySchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<ApiKey> {
    return this.apiKeys.get(principal, id);
  }

  @Patch(':id')
  @AuthOrSession('admin:*')
  @Answers('Change an API key', apiKeySchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateApiKeySchema }) input: UpdateApiKey,
    @IfMatch() precondition: Precondition,
  ): Promise<ApiKey> {
    return this.apiKeys.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @AuthOrSession('admin:*')
  @Answers('Revoke an API key', null)
  async remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    await this.apiKeys.revoke(principal, id, precondition);
  }

  @Post(':id/suspend')
  @AuthOrSession('admin:*')
  @Answers('Suspend an API key', apiKeySchema)
  suspend(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<ApiKey> {
    return this.apiKeys.suspend(principal, id, precondition);
  }

  @Post(':id/activate')
  @AuthOrSession('admin:*')
  @Answers('Activate a suspended API key', apiKeySchema)
  activate(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<ApiKey> {
    return this.apiKeys.activate(principal, id, precondition);
  }

  @Post(':id/revoke')
  @AuthOrSession('admin:*')
  @Answers('Revoke an API key for good', apiKeySchema)
  revoke(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<ApiKey> {
    return this.apiKeys.revoke(principal, id, precondition);
  }

  @Post(':id/rotate')
  @AuthOrSession('admin:*')
  @CreatesAt('api-keys')
  @Header('Cache-Control', 'no-store')
  @Answers('Replace an API key, with a grace for the old one', newApiKeySchema, { status: 201 })
  rotate(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: rotateApiKeySchema }) input: RotateApiKey,
    @IfMatch() precondition: Precondition,
  ): Promise<NewApiKey> {
    return this.apiKeys.rotate(principal, id, input, precondition);
  }

  @Get(':id/usage')
  @AuthOrSession('admin:*')
  @Answers('Read the use of an API key per hour, over the last 30 days', z.array(usageSchema))
  usage(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<ApiKeyUsage[]> {
    return this.apiKeys.usageOf(principal, id);
  }
}
