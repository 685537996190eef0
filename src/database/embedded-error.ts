/** Why the embedded PostgreSQL cannot be used: one line that says what is wrong and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

const errnoAdvice: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and start again',
  EDQUOT: 'the disk quota is used up; free some space and start again',
  EROFS: 'the file system is read-only; set DATA_DIR to a directory that can be written',
  EACCES:
    'permission denied; give this user access to it or set DATA_DIR to a directory of its own',
  EPERM: 'permission denied; give this user access to it or set DATA_DIR to a directory of its own',
  ENOTDIR: 'a part of the path is not a directory; set DATA_DIR to a directory',
};

/** Puts the failure of a system call into one line; anything else passes unchanged. */
export function fromSystemError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EmbeddedPostgresError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  const advice = code === undefined ? undefined : errnoAdvice[code];
  if (advice === undefined) return error;
  return new EmbeddedPostgresError(`${path ?? 'The data directory'}: ${advice}.`, { cause: error });
}

const outputAdvice: readonly (readonly [RegExp, string])[] = [
  [/no space left on device/i, 'the disk is full; free some space and start again'],
  [/permission denied/i, 'a permission is missing; check owner and mode of the directory'],
  [
    /could not look up effective user id/i,
    'this user is not listed in /etc/passwd; add it or set DATABASE_URL',
  ],
  [/address already in use/i, 'the port is taken; free it or set EMBEDDED_PG_PORT to another one'],
];

/** What a PostgreSQL tool or server log says about its failure, without the noise around it. */
export function reasonFrom(output: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const first = (pattern: RegExp): string | undefined =>
    lines.map((line) => pattern.exec(line)?.[1]).find((said) => said !== undefined);
  // The server logs the cause first and then, as fatal, what it could not do because of it.
  const causes = [
    first(/LOG:\s+((?:could not|invalid|unrecognized|unsupported|syntax error).+)$/),
    first(/(?:PANIC|FATAL|ERROR|error):\s+(.+)$/),
  ].filter((said) => said !== undefined);
  const said = causes.length > 0 ? causes.join('; ') : (lines.at(-1) ?? 'it said nothing');
  const advice = outputAdvice.find(([pattern]) => pattern.test(output))?.[1];
  return advice === undefined ? said : `${said} (${advice})`;
}
