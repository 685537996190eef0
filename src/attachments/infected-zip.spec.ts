import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import fc from 'fast-check';
import { infectedZip } from './infected-zip.js';

const file = (size: number, name = 'a.bin') => ({
  name,
  size,
  createdAt: '2027-01-02T03:04:06.000Z',
});

/** What a reader that knows the password finds. */
async function unzipped(zip: Buffer) {
  const reader = new ZipReader(new Uint8ArrayReader(zip), { password: 'infected' });
  const [entry, ...others] = await reader.getEntries();
  if (!entry || entry.directory) throw new Error('No file.');
  const content = Buffer.from(await entry.getData(new Uint8ArrayWriter()));
  return { entry, others, content };
}

describe('infectedZip', () => {
  it('holds the one file, whatever its content and name, in the traditional encryption', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 100_000 }), { maxLength: 4 }),
        fc.constantFrom('a.bin', 'naïve ☃.txt', '-rf', 'n'.repeat(255)),
        async (chunks, name) => {
          const content = Buffer.concat(chunks);
          const source = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
          const zip = await buffer(await infectedZip(file(content.length, name), source));
          const found = await unzipped(zip);
          expect(found.content.equals(content)).toBe(true);
          expect(found.others).toEqual([]);
          expect(found.entry).toMatchObject({ filename: name, encrypted: true, zipCrypto: true });
          expect(found.entry.lastModDate.toISOString()).toBe('2027-01-02T03:04:06.000Z');
        },
      ),
      { numRuns: 25 },
    );
  });

  it('shows nothing of the content to who has not the password', async () => {
    const content = Buffer.from('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR');
    const zip = await buffer(await infectedZip(file(content.length), Readable.from([content])));
    expect(zip.includes('EICAR')).toBe(false);
    const reader = new ZipReader(new Uint8ArrayReader(zip), { password: 'guessed' });
    const [entry] = await reader.getEntries();
    if (!entry || entry.directory) throw new Error('No file.');
    await expect(entry.getData(new Uint8ArrayWriter())).rejects.toThrow();
  });

  it('reads no further than it is read, and ends its source when it is ended', async () => {
    let chunks = 0;
    const source = Readable.from(
      (function* () {
        for (; chunks < 1_000; chunks++) yield Buffer.alloc(65_536);
      })(),
    );
    const zip = await infectedZip(file(65_536_000), source);
    await once(zip, 'readable');
    zip.read();
    zip.destroy();
    await once(source, 'close');
    expect(source.destroyed).toBe(true);
    expect(chunks).toBeLessThan(200);
  });

  it('fails where its source fails', async () => {
    const source = new Readable({
      read() {
        this.destroy(new Error('lost'));
      },
    });
    await expect(buffer(await infectedZip(file(10), source))).rejects.toThrow('lost');
  });
});
