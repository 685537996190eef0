import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
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
import { userDetailSchema, userListQuery } from '../users/users.schema.js';
import type { UserDetail, UserListQuery } from '../users/users.schema.js';
import { createTeamSchema, teamListQuery, teamSchema, updateTeamSchema } from './teams.schema.js';
import type { CreateTeam, Team, TeamListQuery, UpdateTeam } from './teams.schema.js';
import { TeamsService } from './teams.service.js';

@ApiTags('Teams')
@Controller('teams')
export class TeamsController {
  constructor(private readonly teams: TeamsService) {}

  @Get()
  @Auth('users:read')
  @Answers('List the teams of your organizations', z.array(teamSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: teamListQuery }) query: TeamListQuery,
  ): Promise<Page<Team>> {
    return this.teams.list(principal, query);
  }

  @Get(':id')
  @Auth('users:read')
  @Answers('Read a team', teamSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Team> {
    return this.teams.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('teams')
  @Answers('Create a team', teamSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createTeamSchema }) input: CreateTeam,
  ): Promise<Team> {
    return this.teams.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a team', teamSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateTeamSchema }) input: UpdateTeam,
    @IfMatch() precondition: Precondition,
  ): Promise<Team> {
    return this.teams.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a team', null, {
    description: 'Records and people that it was on lose it; nothing else of them changes.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.teams.remove(principal, id, precondition);
  }

  @Get(':id/members')
  @Auth('users:read')
  @Answers('List the members of a team', z.array(userDetailSchema))
  members(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: userListQuery }) query: UserListQuery,
  ): Promise<Page<UserDetail>> {
    return this.teams.members(principal, id, query);
  }

  @Put(':id/members/:userId')
  @Auth('admin:*')
  @Answers('Add a person to a team', null, {
    description: 'A member of the organization of the team, else 409; once is enough.',
  })
  addMember(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('userId', { schema: idSchema }) userId: string,
  ): Promise<void> {
    return this.teams.addMember(principal, id, userId);
  }

  @Delete(':id/members/:userId')
  @Auth('admin:*')
  @Answers('Take a person out of a team', null)
  removeMember(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('userId', { schema: idSchema }) userId: string,
  ): Promise<void> {
    return this.teams.removeMember(principal, id, userId);
  }
}
