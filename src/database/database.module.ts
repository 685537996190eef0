import { Global, Module } from '@nestjs/common';
import { ChangeFeed } from './change-feed.js';
import { Database } from './database.service.js';

@Global()
@Module({ providers: [Database, ChangeFeed], exports: [Database, ChangeFeed] })
export class DatabaseModule {}
