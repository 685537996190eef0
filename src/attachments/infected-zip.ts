import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import type { Attachment } from './attachments.schema.js';

/** By custom of those who exchange malware: it keeps scanners and double clicks away, and is no secret. */
const PASSWORD = 'infected';

/** How much is encrypted before other requests get their turn. */
const TURN_BYTES = 65_536;

/** Zip without its extension for large files holds no more (APPNOTE.TXT §4.3.9.2); not all programs know that. */
const PLAIN_BYTES_MAX = 0xff00_0000;

/**
 * A zip of the file that common programs open with the password, made while it is read.
 *
 * Encrypted in the traditional way (APPNOTE.TXT §6.1), as stronger ones are unknown to `unzip`, and
 * not compressed. Destroying it destroys `content`.
 */
export async function infectedZip(
  { name, size, createdAt }: Pick<Attachment, 'name' | 'size' | 'createdAt'>,
  content: Readable,
): Promise<Readable> {
  // Loaded when the first one is asked for: most instances never do.
  const { ZipWriter, configure } = await import('@zip.js/zip.js');
  configure({ chunkSize: TURN_BYTES });
  const answer = new PassThrough();
  const zip = new ZipWriter(intoStream(answer), {
    password: PASSWORD,
    zipCrypto: true,
    // What is empty and only stored would lack the header of its encryption.
    level: size === 0 ? 1 : 0,
    zip64: size > PLAIN_BYTES_MAX,
    useWebWorkers: false,
  });
  answer.once('close', () => content.destroy());
  zip
    .add(name, outOfStream(content), { lastModDate: new Date(createdAt) })
    .then(() => zip.close())
    .catch((error: unknown) => answer.destroy(error as Error));
  return answer;
}

/** Node's own adapters throw where nobody can catch it when a client leaves early. */
function intoStream(stream: Writable): WritableStream<Uint8Array> {
  return new WritableStream({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stream.write(chunk, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    close: () => {
      stream.end();
    },
  });
}

function outOfStream(stream: Readable): ReadableStream<Uint8Array> {
  const chunks = stream.iterator({ destroyOnReturn: false });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = (await chunks.next()) as IteratorResult<Uint8Array, undefined>;
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
}
