import { Module } from '@nestjs/common';
import { RecordTtpsController } from './record-ttps.controller.js';
import { RecordTtpsService } from './record-ttps.service.js';
import { TtpsController } from './ttps.controller.js';
import { TtpsService } from './ttps.service.js';

@Module({
  controllers: [TtpsController, RecordTtpsController],
  providers: [TtpsService, RecordTtpsService],
})
export class TtpsModule {}
