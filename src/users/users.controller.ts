import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { userDetailSchema, userListQuery } from './users.schema.js';
import type { UserDetail, UserListQuery } from './users.schema.js';
import { UsersService } from './users.service.js';

@ApiTags('Users')
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @Auth('users:read')
  @Answers('List the people of your organizations', z.array(userDetailSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: userListQuery }) query: UserListQuery,
  ): Promise<Page<UserDetail>> {
    return this.users.list(principal, query);
  }

  @Get('me')
  @Auth()
  @Answers('Read the person behind the credential', userDetailSchema)
  me(@Caller() principal: Principal): Promise<UserDetail> {
    return this.users.me(principal);
  }

  @Get(':id')
  @Auth('users:read')
  @Answers('Read a person', userDetailSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<UserDetail> {
    return this.users.get(principal, id);
  }
}
