import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import {
  createTimelineEventSchema,
  timelineEventSchema,
  timelineQuery,
  updateTimelineEventSchema,
} from './timeline.schema.js';
import type {
  CreateTimelineEvent,
  TimelineEvent,
  TimelineQuery,
  UpdateTimelineEvent,
} from './timeline.schema.js';
import { TimelineService } from './timeline.service.js';

@ApiTags('Timelines')
@Controller('cases/:id/timeline')
export class TimelineController {
  constructor(private readonly timeline: TimelineService) {}

  @Get()
  @Auth('cases:read')
  @Answers('Read what happened in a case, the newest first', z.array(timelineEventSchema))
  list(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: timelineQuery }) query: TimelineQuery,
  ): Promise<Page<TimelineEvent>> {
    return this.timeline.list(principal, id, query);
  }

  @Post()
  @Auth('cases:write')
  @CreatesAt('cases/:id/timeline')
  @Answers('Enter an event in the timeline of a case', timelineEventSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createTimelineEventSchema }) input: CreateTimelineEvent,
  ): Promise<TimelineEvent> {
    return this.timeline.create(principal, id, input);
  }

  @Get(':eventId')
  @Auth('cases:read')
  @Answers('Read an event of a timeline', timelineEventSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('eventId', { schema: idSchema }) eventId: string,
  ): Promise<TimelineEvent> {
    return this.timeline.get(principal, id, eventId);
  }

  @Patch(':eventId')
  @Auth('cases:write')
  @Answers(
    'Change an event entered by hand, as its author or an administrator',
    timelineEventSchema,
  )
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('eventId', { schema: idSchema }) eventId: string,
    @Body({ schema: updateTimelineEventSchema }) input: UpdateTimelineEvent,
    @IfMatch() precondition: Precondition,
  ): Promise<TimelineEvent> {
    return this.timeline.update(principal, id, eventId, input, precondition);
  }

  @Delete(':eventId')
  @Auth('cases:write')
  @Answers('Delete an event entered by hand, as its author or an administrator', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('eventId', { schema: idSchema }) eventId: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.timeline.remove(principal, id, eventId, precondition);
  }
}
