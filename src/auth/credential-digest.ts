import { createHash, createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/config.js';

/** A keyed digest of a secret, with the pepper that keyed it. */
export interface CredentialDigest {
  readonly digest: Buffer;
  readonly pepperId: string;
}

interface Pepper {
  readonly id: string;
  readonly key: Buffer;
}

/**
 * Digests of credentials: HMAC-SHA-256 with the instance pepper.
 *
 * A fast hash is right for secrets of 190 random bits and more (OWASP ASVS 5.0, 6.5.2).
 */
@Injectable()
export class CredentialDigester {
  private readonly current: Pepper;
  private readonly previous: Pepper | null;

  constructor(config: AppConfig) {
    this.current = toPepper(config.secrets.apiKeyPepper);
    const previous = config.secrets.apiKeyPepperPrevious;
    this.previous = previous ? toPepper(previous) : null;
  }

  /** The peppers under which stored digests can be found. */
  get pepperIds(): string[] {
    return [this.current, this.previous].flatMap((pepper) => pepper?.id ?? []);
  }

  /** The digest that is stored and looked up. */
  digest(secret: string): CredentialDigest {
    return digestWith(this.current, secret);
  }

  /** The digest under the pepper that is being rotated out, if there is one. */
  previousDigest(secret: string): CredentialDigest | null {
    return this.previous && digestWith(this.previous, secret);
  }
}

/** What of an access and a secret key is digested: both, so neither can be exchanged. */
export function pairSecret(accessKey: string, secretKey: string): string {
  return `${accessKey}\n${secretKey}`;
}

function toPepper(base64: string): Pepper {
  const key = Buffer.from(base64, 'base64');
  return {
    id: createHash('sha256').update('pepper-id').update(key).digest('hex').slice(0, 8),
    key,
  };
}

function digestWith(pepper: Pepper, secret: string): CredentialDigest {
  return { digest: createHmac('sha256', pepper.key).update(secret).digest(), pepperId: pepper.id };
}
