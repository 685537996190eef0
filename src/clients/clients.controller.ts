import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { CHANGES_MANY } from '../records/record.schema.js';
import {
  clientListQuery,
  clientSchema,
  createClientSchema,
  deleteClientQuery,
  updateClientSchema,
} from './clients.schema.js';
import type {
  Client,
  ClientListQuery,
  CreateClient,
  DeleteClientQuery,
  UpdateClient,
} from './clients.schema.js';
import { ClientsService } from './clients.service.js';

@ApiTags('Settings')
@Controller('clients')
export class ClientsController {
  constructor(private readonly clients: ClientsService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the clients of your organizations', z.array(clientSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: clientListQuery }) query: ClientListQuery,
  ): Promise<Page<Client>> {
    return this.clients.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a client', clientSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Client> {
    return this.clients.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('clients')
  @Answers('Create a client', clientSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createClientSchema }) input: CreateClient,
  ): Promise<Client> {
    return this.clients.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a client', clientSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateClientSchema }) input: UpdateClient,
    @IfMatch() precondition: Precondition,
  ): Promise<Client> {
    return this.clients.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a client', null, {
    description: `While alerts or cases name it this is 409, unless \`replaceWith\` moves them. ${CHANGES_MANY}`,
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: deleteClientQuery }) { replaceWith }: DeleteClientQuery,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.clients.remove(principal, id, replaceWith, precondition);
  }
}
