import { Global, Module } from '@nestjs/common';
import { CredentialDigester } from './credential-digest.js';
import { CredentialService } from './credential.service.js';

@Global()
@Module({
  providers: [CredentialDigester, CredentialService],
  exports: [CredentialDigester, CredentialService],
})
export class AuthModule {}
