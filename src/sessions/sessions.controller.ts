import { Body, Controller, Get, Header, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { CookieOptions, Request, Response } from 'express';
import {
  BeforePasswordChange,
  Caller,
  CallerSession,
  Public,
  SignedIn,
} from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { SESSION_LIFETIME_MS } from '../auth/session.service.js';
import type { KnownSession } from '../auth/session.service.js';
import { Answers } from '../common/answers.decorator.js';
import { AppConfig } from '../config/config.js';
import { changePasswordSchema, sessionSchema, signInSchema } from './sessions.schema.js';
import type { ChangePassword, Session, SignIn } from './sessions.schema.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('Signing in')
@Controller('auth')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly config: AppConfig,
  ) {}

  @Post('login')
  @Public()
  @Header('Cache-Control', 'no-store')
  @Answers('Sign in', sessionSchema, {
    description:
      'Sets the session cookie. Requests that change something then need the `csrfToken` in `X-CSRF-Token`.',
  })
  async signIn(
    @Body({ schema: signInSchema }) input: SignIn,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Session> {
    const stranger = { requestId: request.requestId, ip: request.ip ?? '' };
    const { session, token } = await this.sessions.signIn(stranger, input);
    response.cookie(this.config.sessionCookie.name, token, {
      ...this.cookie(),
      maxAge: SESSION_LIFETIME_MS,
    });
    return session;
  }

  @Post('logout')
  @SignedIn()
  @BeforePasswordChange()
  @Answers('Sign out', null)
  async signOut(
    @Caller() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.signOut(principal);
    response.clearCookie(this.config.sessionCookie.name, this.cookie());
  }

  @Get('session')
  @SignedIn()
  @BeforePasswordChange()
  @Header('Cache-Control', 'no-store')
  @Answers('Read who is signed in', sessionSchema)
  current(
    @Caller() principal: Principal,
    @CallerSession() session: KnownSession,
  ): Promise<Session> {
    return this.sessions.current(principal, session);
  }

  @Post('password')
  @SignedIn()
  @BeforePasswordChange()
  @Answers('Change your password', null, { description: 'Ends your other sessions.' })
  changePassword(
    @Caller() principal: Principal,
    @Body({ schema: changePasswordSchema }) input: ChangePassword,
  ): Promise<void> {
    return this.sessions.changePassword(principal, input);
  }

  private cookie(): CookieOptions {
    const { isSecure } = this.config.sessionCookie;
    return { httpOnly: true, sameSite: 'strict', secure: isSecure, path: '/' };
  }
}
