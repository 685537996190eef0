import { Module } from '@nestjs/common';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { UsageRecorder } from './usage-recorder.js';

@Module({
  controllers: [ApiKeysController],
  providers: [ApiKeysService, UsageRecorder],
  exports: [UsageRecorder],
})
export class ApiKeysModule {}
