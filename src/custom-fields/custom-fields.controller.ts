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
import { CustomFieldAdminService } from './custom-field-admin.service.js';
import {
  createCustomFieldSchema,
  customFieldListQuery,
  customFieldSchema,
  updateCustomFieldSchema,
} from './custom-fields.schema.js';
import type {
  CreateCustomField,
  CustomField,
  CustomFieldListQuery,
  UpdateCustomField,
} from './custom-fields.schema.js';

@ApiTags('Settings')
@Controller('custom-fields')
export class CustomFieldsController {
  constructor(private readonly fields: CustomFieldAdminService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the custom fields of your organizations', z.array(customFieldSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: customFieldListQuery }) query: CustomFieldListQuery,
  ): Promise<Page<CustomField>> {
    return this.fields.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a custom field', customFieldSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<CustomField> {
    return this.fields.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('custom-fields')
  @Answers('Declare a custom field', customFieldSchema, {
    status: 201,
    description: 'From then on a value of the key must fit in records that the organization owns.',
  })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createCustomFieldSchema }) input: CreateCustomField,
  ): Promise<CustomField> {
    return this.fields.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a custom field', customFieldSchema, {
    description: 'Values that records hold already stay as they are.',
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateCustomFieldSchema }) input: UpdateCustomField,
    @IfMatch() precondition: Precondition,
  ): Promise<CustomField> {
    return this.fields.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Undeclare a custom field', null, {
    description: 'Its values stay in the records, and the key can be declared again.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.fields.remove(principal, id, precondition);
  }
}
