import { Controller, Get, Header, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, Public } from '../auth/auth.decorator.js';
import { Answers } from '../common/answers.decorator.js';
import { unavailable } from '../common/errors.js';
import { Metrics } from '../common/metrics.js';
import { Database } from '../database/database.service.js';
import { NotLimited } from '../rate-limit/rate-limit.guard.js';
import { Drain } from './drain.js';

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

type Health = z.output<typeof healthSchema>;

@ApiTags('Operations')
@Controller({ version: VERSION_NEUTRAL })
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly drain: Drain,
  ) {}

  @Get('health/live')
  @Public()
  @Answers('Whether the process runs', healthSchema)
  live(): Health {
    return { status: 'ok' };
  }

  @Get('health/ready')
  @Public()
  @Answers(
    'Whether requests can be served: the database answers and the server is not stopping',
    healthSchema,
  )
  async ready(): Promise<Health> {
    if (this.drain.isDraining) throw unavailable('The server is stopping.');
    await this.database.sql('SELECT 1', []);
    return { status: 'ok' };
  }

  @Get('metrics')
  @Auth('admin:*')
  @NotLimited()
  @Header('Cache-Control', 'no-store')
  @ApiExcludeEndpoint()
  async exposition(@Res() response: Response): Promise<void> {
    response.type(this.metrics.registry.contentType).end(await this.metrics.registry.metrics());
  }
}
