import { Module } from '@nestjs/common';
import { MembershipsService } from './memberships.service.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

@Module({
  controllers: [UsersController],
  providers: [UsersService, MembershipsService],
  exports: [UsersService, MembershipsService],
})
export class UsersModule {}
