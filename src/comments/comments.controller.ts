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
import {
  commentListQuery,
  commentSchema,
  createCommentSchema,
  updateCommentSchema,
} from './comments.schema.js';
import type { Comment, CommentListQuery, CreateComment, UpdateComment } from './comments.schema.js';
import { CommentsService } from './comments.service.js';

@ApiTags('Comments')
@Controller()
export class CommentsController {
  constructor(private readonly comments: CommentsService) {}

  @Get('alerts/:id/comments')
  @Auth('alerts:read')
  @Answers('List the comments of an alert, newest first', z.array(commentSchema))
  listOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: commentListQuery }) query: CommentListQuery,
  ): Promise<Page<Comment>> {
    return this.comments.list(principal, { kind: 'alert', id }, query);
  }

  @Post('alerts/:id/comments')
  @Auth('alerts:write')
  @CreatesAt('comments')
  @Answers('Comment on an alert', commentSchema, { status: 201 })
  createUnderAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createCommentSchema }) input: CreateComment,
  ): Promise<Comment> {
    return this.comments.create(principal, { kind: 'alert', id }, input);
  }

  @Get('cases/:id/comments')
  @Auth('cases:read')
  @Answers('List the comments of a case, newest first', z.array(commentSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: commentListQuery }) query: CommentListQuery,
  ): Promise<Page<Comment>> {
    return this.comments.list(principal, { kind: 'case', id }, query);
  }

  @Post('cases/:id/comments')
  @Auth('cases:write')
  @CreatesAt('comments')
  @Answers('Comment on a case', commentSchema, { status: 201 })
  createUnderCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createCommentSchema }) input: CreateComment,
  ): Promise<Comment> {
    return this.comments.create(principal, { kind: 'case', id }, input);
  }

  @Get('tasks/:id/comments')
  @Auth('cases:read')
  @Answers('List the comments of a task, newest first', z.array(commentSchema))
  listOfTask(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: commentListQuery }) query: CommentListQuery,
  ): Promise<Page<Comment>> {
    return this.comments.list(principal, { kind: 'task', id }, query);
  }

  @Post('tasks/:id/comments')
  @Auth('cases:write')
  @CreatesAt('comments')
  @Answers('Comment on a task', commentSchema, { status: 201 })
  createUnderTask(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createCommentSchema }) input: CreateComment,
  ): Promise<Comment> {
    return this.comments.create(principal, { kind: 'task', id }, input);
  }

  @Get('comments/:id')
  @AuthAnyOf('alerts:read', 'cases:read')
  @Answers('Read a comment', commentSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Comment> {
    return this.comments.get(principal, id);
  }

  @Patch('comments/:id')
  @AuthAnyOf('alerts:write', 'cases:write')
  @Answers('Change a comment, as its author or an administrator', commentSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateCommentSchema }) input: UpdateComment,
    @IfMatch() precondition: Precondition,
  ): Promise<Comment> {
    return this.comments.update(principal, id, input, precondition);
  }

  @Delete('comments/:id')
  @AuthAnyOf('alerts:write', 'cases:write')
  @Answers('Delete a comment, as its author or an administrator', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.comments.remove(principal, id, precondition);
  }
}
