import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import type { Page } from '../common/pagination.js';
import { tagAnswerSchema } from '../records/answer.schema.js';
import type { Tag } from '../records/answer.schema.js';
import { CHANGES_MANY } from '../records/record.schema.js';
import { createTagSchema, tagIdSchema, tagListQuery, updateTagSchema } from './tags.schema.js';
import type { CreateTag, TagListQuery, UpdateTag } from './tags.schema.js';
import { TagsService } from './tags.service.js';

@ApiTags('Settings')
@Controller('tags')
export class TagsController {
  constructor(private readonly tags: TagsService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the tags of your organizations', z.array(tagAnswerSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: tagListQuery }) query: TagListQuery,
  ): Promise<Page<Tag>> {
    return this.tags.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a tag', tagAnswerSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: tagIdSchema }) id: number,
  ): Promise<Tag> {
    return this.tags.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('tags')
  @Answers('Create a tag', tagAnswerSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createTagSchema }) input: CreateTag,
  ): Promise<Tag> {
    return this.tags.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a tag', tagAnswerSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: tagIdSchema }) id: number,
    @Body({ schema: updateTagSchema }) input: UpdateTag,
  ): Promise<Tag> {
    return this.tags.update(principal, id, input);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a tag and take it off every record', null, { description: CHANGES_MANY })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: tagIdSchema }) id: number,
  ): Promise<void> {
    return this.tags.remove(principal, id);
  }
}
