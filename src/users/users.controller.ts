import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Param,
  Patch,
  Post,
  Put,
  Query,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, BeforePasswordChange, Caller, SignedIn } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import {
  createUserSchema,
  resetPasswordSchema,
  updateProfileSchema,
  updateUserSchema,
  userDetailSchema,
  userListQuery,
  userWithPasswordSchema,
} from './users.schema.js';
import type {
  CreateUser,
  ResetPassword,
  UpdateProfile,
  UpdateUser,
  UserDetail,
  UserListQuery,
  UserWithPassword,
} from './users.schema.js';
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
  @BeforePasswordChange()
  @Answers('Read the person behind the credential', userDetailSchema)
  me(@Caller() principal: Principal): Promise<UserDetail> {
    return this.users.me(principal);
  }

  @Patch('me')
  @SignedIn()
  @Answers('Change your name', userDetailSchema)
  updateMe(
    @Caller() principal: Principal,
    @Body({ schema: updateProfileSchema }) input: UpdateProfile,
    @IfMatch() precondition: Precondition,
  ): Promise<UserDetail> {
    return this.users.updateProfile(principal, input, precondition);
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

  @Post()
  @Auth('admin:*')
  @CreatesAt('users')
  @Header('Cache-Control', 'no-store')
  @Answers('Create a person', userWithPasswordSchema, {
    status: 201,
    description:
      'Without a password the answer shows a temporary one, which the person must change after signing in.',
  })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createUserSchema }) input: CreateUser,
  ): Promise<UserWithPassword> {
    return this.users.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a person', userDetailSchema, {
    description:
      'Another role, or `inactive`, ends the sessions of the person. The last active super-admin stays one (409).',
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateUserSchema }) input: UpdateUser,
    @IfMatch() precondition: Precondition,
  ): Promise<UserDetail> {
    return this.users.update(principal, id, input, precondition);
  }

  @Put(':id')
  @Auth('admin:*')
  @Answers('Change a person, like PATCH', userDetailSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateUserSchema }) input: UpdateUser,
    @IfMatch() precondition: Precondition,
  ): Promise<UserDetail> {
    return this.users.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a person', null, {
    description: 'Keys and sessions of the person stop working; what the person did stays.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.users.remove(principal, id, precondition);
  }

  @Post(':id/password')
  @Auth('admin:*')
  @Header('Cache-Control', 'no-store')
  @Answers('Give a person another password', userWithPasswordSchema, {
    description:
      'For administrators. Ends the sessions of the person; without a password the answer shows a temporary one.',
  })
  resetPassword(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: resetPasswordSchema }) input: ResetPassword,
    @IfMatch() precondition: Precondition,
  ): Promise<UserWithPassword> {
    return this.users.resetPassword(principal, id, input, precondition);
  }
}
