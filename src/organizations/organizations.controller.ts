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
import { namedSchema } from '../records/answer.schema.js';
import type { Named } from '../records/answer.schema.js';
import { userDetailSchema, userListQuery } from '../users/users.schema.js';
import type { UserDetail, UserListQuery } from '../users/users.schema.js';
import {
  createOrganizationSchema,
  linksSchema,
  organizationListQuery,
  organizationSchema,
  updateOrganizationSchema,
} from './organizations.schema.js';
import type {
  CreateOrganization,
  Organization,
  OrganizationLinks,
  OrganizationListQuery,
  UpdateOrganization,
} from './organizations.schema.js';
import { OrganizationsService } from './organizations.service.js';

@ApiTags('Organizations')
@Controller('organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

  @Get()
  @Auth('users:read')
  @Answers('List your organizations, and those linked to them', z.array(organizationSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: organizationListQuery }) query: OrganizationListQuery,
  ): Promise<Page<Organization>> {
    return this.organizations.list(principal, query);
  }

  @Get(':id')
  @Auth('users:read')
  @Answers('Read an organization', organizationSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Organization> {
    return this.organizations.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('organizations')
  @Answers('Create an organization', organizationSchema, {
    status: 201,
    description: 'For platform administrators.',
  })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createOrganizationSchema }) input: CreateOrganization,
  ): Promise<Organization> {
    return this.organizations.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change an organization', organizationSchema, {
    description: 'For platform administrators.',
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateOrganizationSchema }) input: UpdateOrganization,
    @IfMatch() precondition: Precondition,
  ): Promise<Organization> {
    return this.organizations.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete an organization', null, {
    description:
      'For platform administrators. While it has people, keys, alerts or cases this is 409.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.organizations.remove(principal, id, precondition);
  }

  @Get(':id/members')
  @Auth('users:read')
  @Answers('List the members of an organization', z.array(userDetailSchema))
  members(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: userListQuery }) query: UserListQuery,
  ): Promise<Page<UserDetail>> {
    return this.organizations.members(principal, id, query);
  }

  @Put(':id/members/:userId')
  @Auth('admin:*')
  @Answers('Add a person to an organization', null, {
    description: 'It comes last among the organizations of the person; once is enough.',
  })
  addMember(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('userId', { schema: idSchema }) userId: string,
  ): Promise<void> {
    return this.organizations.addMember(principal, id, userId);
  }

  @Delete(':id/members/:userId')
  @Auth('admin:*')
  @Answers('Take a person out of an organization', null, {
    description:
      'And out of its teams; keys of the person for it stop working. The last organization of a person stays (409).',
  })
  removeMember(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('userId', { schema: idSchema }) userId: string,
  ): Promise<void> {
    return this.organizations.removeMember(principal, id, userId);
  }

  @Get(':id/links')
  @Auth('users:read')
  @Answers('List the organizations that may share records with it', z.array(namedSchema))
  links(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Named[]> {
    return this.organizations.links(principal, id);
  }

  @Put(':id/links')
  @Auth('admin:*')
  @Answers('Say which organizations may share records with it', z.array(namedSchema), {
    description:
      'For platform administrators; both ways. Without a link nothing more can be shared. What is shared already stays so until its owner takes the organization off the record.',
  })
  replaceLinks(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: linksSchema }) input: OrganizationLinks,
  ): Promise<Named[]> {
    return this.organizations.replaceLinks(principal, id, input);
  }
}
