import { Controller, Get, Header, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import { Public } from '../auth/auth.decorator.js';
import { errorsPage } from './errors-page.js';

@Controller({ path: 'docs', version: VERSION_NEUTRAL })
export class DocsController {
  @Get('errors')
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @ApiExcludeEndpoint()
  errors(): string {
    return errorsPage();
  }
}
