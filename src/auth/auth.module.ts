import { Global, Module } from '@nestjs/common';
import { CredentialDigester } from './credential-digest.js';
import { CredentialService } from './credential.service.js';
import { PasswordHasher } from './password-hasher.js';
import { SessionService } from './session.service.js';

@Global()
@Module({
  providers: [CredentialDigester, CredentialService, SessionService, PasswordHasher],
  exports: [CredentialDigester, CredentialService, SessionService, PasswordHasher],
})
export class AuthModule {}
