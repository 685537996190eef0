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
import { createTtpSchema, ttpListQuery, ttpSchema, updateTtpSchema } from './ttps.schema.js';
import type { CreateTtp, Ttp, TtpListQuery, UpdateTtp } from './ttps.schema.js';
import { TtpsService } from './ttps.service.js';

@ApiTags('TTPs')
@Controller('ttps')
export class TtpsController {
  constructor(private readonly ttps: TtpsService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the techniques that records can name', z.array(ttpSchema), {
    description:
      'Those of MITRE ATT&CK, Enterprise, version 19.2, and those of your organizations. © 2026 The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation.',
  })
  list(
    @Caller() principal: Principal,
    @Query({ schema: ttpListQuery }) query: TtpListQuery,
  ): Promise<Page<Ttp>> {
    return this.ttps.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a technique', ttpSchema)
  get(@Caller() principal: Principal, @Param('id', { schema: idSchema }) id: string): Promise<Ttp> {
    return this.ttps.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('ttps')
  @Answers('Add a technique of your own', ttpSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createTtpSchema }) input: CreateTtp,
  ): Promise<Ttp> {
    return this.ttps.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a technique of your own', ttpSchema, {
    description: "ATT&CK's answer 409 `TTP_PROTECTED`.",
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateTtpSchema }) input: UpdateTtp,
    @IfMatch() precondition: Precondition,
  ): Promise<Ttp> {
    return this.ttps.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a technique of your own', null, {
    description: "Records that name it keep it. ATT&CK's answer 409 `TTP_PROTECTED`.",
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.ttps.remove(principal, id, precondition);
  }
}
