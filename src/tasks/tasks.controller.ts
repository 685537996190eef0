import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { activityListQuery, activitySchema } from '../activities/activities.schema.js';
import type { Activity, ActivityListQuery } from '../activities/activities.schema.js';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import { searchAnswerOf } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import {
  caseTaskListQuery,
  createTaskSchema,
  taskListQuery,
  taskSchema,
  taskSearchAnswer,
  taskSearchBody,
  updateTaskSchema,
} from './tasks.schema.js';
import type {
  CaseTaskListQuery,
  CreateTask,
  Task,
  TaskListQuery,
  TaskSearchAnswer,
  UpdateTask,
} from './tasks.schema.js';
import { TasksService } from './tasks.service.js';

@ApiTags('Tasks')
@Controller()
export class TasksController {
  constructor(private readonly tasks: TasksService) {}

  @Get('cases/:id/tasks')
  @Auth('cases:read')
  @Answers('List the tasks of a case, in their order', z.array(taskSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: caseTaskListQuery }) query: CaseTaskListQuery,
  ): Promise<Page<Task>> {
    return this.tasks.listOfCase(principal, id, query);
  }

  @Post('cases/:id/tasks')
  @Auth('cases:write')
  @CreatesAt('tasks')
  @Answers('Add a task to a case', taskSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createTaskSchema }) input: CreateTask,
  ): Promise<Task> {
    return this.tasks.create(principal, id, input);
  }

  @Get('tasks')
  @Auth('cases:read')
  @Answers('List tasks of all cases: your own with `assigneeId=me`', z.array(taskSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: taskListQuery }) query: TaskListQuery,
  ): Promise<Page<Task>> {
    return this.tasks.list(principal, query);
  }

  @Post('tasks/search')
  @Auth('cases:read')
  @Answers('Search tasks', taskSearchAnswer)
  async search(
    @Caller() principal: Principal,
    @Body({ schema: taskSearchBody }) query: TaskListQuery,
  ): Promise<TaskSearchAnswer> {
    return searchAnswerOf(await this.tasks.list(principal, query));
  }

  @Get('tasks/:id')
  @Auth('cases:read')
  @Answers('Read a task', taskSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Task> {
    return this.tasks.get(principal, id);
  }

  @Patch('tasks/:id')
  @Auth('cases:write')
  @Answers('Update a task', taskSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateTaskSchema }) update: UpdateTask,
    @IfMatch() precondition: Precondition,
  ): Promise<Task> {
    return this.tasks.update(principal, id, update, precondition);
  }

  @Put('tasks/:id')
  @Auth('cases:write')
  @Answers('Update a task (the same as PATCH)', taskSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateTaskSchema }) update: UpdateTask,
    @IfMatch() precondition: Precondition,
  ): Promise<Task> {
    return this.tasks.update(principal, id, update, precondition);
  }

  @Delete('tasks/:id')
  @Auth('cases:write')
  @Answers('Delete a task', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.tasks.remove(principal, id, precondition);
  }

  @Get('tasks/:id/activities')
  @Auth('cases:read')
  @Answers('Read the history of a task, newest first', z.array(activitySchema))
  history(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: activityListQuery }) query: ActivityListQuery,
  ): Promise<Activity[]> {
    return this.tasks.history(principal, id, query);
  }
}
