/**
 * An answer that is JSON text already: the database wrote it, nobody parses it on the way.
 *
 * `T` is what the text holds; `version` gives the answer its `ETag`.
 */
export class JsonText<T> {
  declare readonly holds: T;

  constructor(
    readonly text: string,
    readonly version: number | null = null,
  ) {}
}

/** The texts as one array. */
export function joinTexts<T>(items: readonly JsonText<T>[]): string {
  return `[${items.map((item) => item.text).join(',')}]`;
}
