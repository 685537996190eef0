import type { LoggerService } from '@nestjs/common';
import { pino } from 'pino';
import type { Logger as Pino } from 'pino';
import pretty from 'pino-pretty';
import type { AppConfig } from '../config/config.js';

/** Never in a log line, wherever they turn up in what is logged. */
const REDACTED = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'key',
  'secretKey',
  'apiKey',
  'headers.authorization',
  'headers.cookie',
  'headers["x-api-key"]',
  'headers["x-api-secret"]',
  '*.authorization',
  '*.cookie',
  '*.password',
  '*.secret',
  '*.key',
  '*.secretKey',
  '*["x-api-key"]',
  '*["x-api-secret"]',
];

/** What in free text looks like one of our keys or a password in a connection string. */
const SECRET_TEXT = /cbr_live_[0-9A-Za-z]+|(?<=:\/\/[^:/\s]+:)[^@\s]+(?=@)/g;

/** Contexts in which Nest narrates its own start; of interest only when debugging it. */
const FRAMEWORK = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

const LEVELS = {
  log: 'info',
  error: 'error',
  warn: 'warn',
  debug: 'debug',
  verbose: 'trace',
  fatal: 'fatal',
} as const;

/** The process's log. */
export interface Logs {
  /** For everything that may hold what a caller sent: redacted. */
  readonly events: Pino;
  /** For request lines, whose fields are fixed and never secret. */
  readonly requests: Pino;
}

/** A full buffer is written at once, a part of one twice a second: a killed process loses that much log. */
const BUFFER_BYTES = 8_192;
const FLUSH_MS = 500;

let standardOutput: ReturnType<typeof pino.destination> | null = null;

/** Standard output of the process, buffered and written out at its end. */
function bufferedOutput() {
  if (standardOutput) return standardOutput;
  const output = pino.destination({ dest: 1, sync: false, minLength: BUFFER_BYTES });
  setInterval(() => {
    output.flush();
  }, FLUSH_MS).unref();
  process.once('exit', () => {
    output.flushSync();
  });
  return (standardOutput = output);
}

/** JSON lines, or a readable form on a terminal. */
export function createLogs(config: Pick<AppConfig, 'logLevel' | 'logFormat'>): Logs {
  const options = {
    level: config.logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    messageKey: 'message',
  };
  const redact = { paths: REDACTED, censor: '[redacted]' };
  const stream = config.logFormat === 'pretty' ? readableStream() : bufferedOutput();
  return { events: pino({ ...options, redact }, stream), requests: pino(options, stream) };
}

function readableStream() {
  return pretty({
    messageKey: 'message',
    levelKey: 'level',
    timestampKey: 'time',
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'requestId,method,path,status,ms,ip,credentialId,context',
    singleLine: true,
    sync: true,
    messageFormat: readableMessage,
  });
}

/** A request in a line, as a person at a terminal reads it. */
function readableMessage(line: Record<string, unknown>): string {
  if (line.message !== 'request') return String(line.message);
  return `${String(line.method)} ${String(line.path)} ${String(line.status)} ${String(line.ms)} ms`;
}

/** Nest's logger interface over pino. */
export class AppLogger implements LoggerService {
  constructor(private readonly pino: Pino) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('log', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('verbose', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: keyof typeof LEVELS, message: unknown, rest: readonly unknown[]): void {
    const fields: Record<string, unknown> = {};
    const texts = rest.filter((part) => typeof part === 'string');
    if (texts.length > 0) fields.context = texts.at(-1);
    if (texts.length > 1) fields.stack = withoutSecrets(texts.slice(0, -1).join('\n'));
    if (message instanceof Error) {
      fields.message = withoutSecrets(message.message);
      fields.stack = withoutSecrets(message.stack ?? '');
    } else if (typeof message === 'object' && message !== null) {
      for (const [key, value] of Object.entries(message)) {
        fields[key] = typeof value === 'string' ? withoutSecrets(value) : value;
      }
    } else fields.message = withoutSecrets(String(message));
    const isNarration = level === 'log' && FRAMEWORK.has(String(fields.context));
    this.pino[isNarration ? 'debug' : LEVELS[level]](fields);
  }
}

/** The text without anything that could be used as a credential. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_TEXT, '[redacted]');
}
