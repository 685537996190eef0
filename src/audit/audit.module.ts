import { Global, Module } from '@nestjs/common';
import { AuditSealer } from './audit-sealer.service.js';
import { AuditTrail } from './audit-trail.service.js';
import { AuditVerification } from './audit-verification.service.js';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';

@Global()
@Module({
  controllers: [AuditController],
  providers: [AuditService, AuditSealer, AuditTrail, AuditVerification],
  exports: [AuditService],
})
export class AuditModule {}
