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

/** Likewise as the bytes that are sent, without putting a long text together first. */
export function joinBytes<T>(items: readonly JsonText<T>[]): Buffer {
  const size = items.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 1);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { text } of items) {
    at = bytes.writeUInt8(at === 0 ? 0x5b : 0x2c, at);
    at += bytes.write(text, at);
  }
  bytes.writeUInt8(0x5d, at);
  return bytes;
}
