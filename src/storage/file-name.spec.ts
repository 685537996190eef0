import fc from 'fast-check';
import { cleanContentType, cleanFileName } from './file-name.js';

describe('cleanFileName', () => {
  it.each([
    ['log.txt', 'log.txt'],
    ['/etc/passwd', 'passwd'],
    ['C:\\Users\\x\\report.docx', 'report.docx'],
    ['a/', 'unnamed'],
    ['..', 'unnamed'],
    ['', 'unnamed'],
    [' \t', 'unnamed'],
    ['a\u0000b.txt', 'ab.txt'],
    ['invoice\u202efdp.exe', 'invoicefdp.exe'],
    ['name. . ', 'name'],
    ['cafe\u0301.txt', 'caf\u00e9.txt'],
    [`${'n'.repeat(300)}.tar.gz`, `${'n'.repeat(252)}.gz`],
    ['n'.repeat(300), 'n'.repeat(255)],
  ])('keeps %j as %j', (sent, kept) => {
    expect(cleanFileName(sent)).toBe(kept);
  });

  it('answers of any text a name that is safe, and that stays when cleaned again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (sent) => {
        const name = cleanFileName(sent);
        expect(name.length).toBeGreaterThan(0);
        expect(name.length).toBeLessThanOrEqual(255);
        expect(name.isWellFormed()).toBe(true);
        expect(name).not.toMatch(/[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]|^\.{1,2}$/u);
        expect(cleanFileName(name)).toBe(name);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('cleanContentType', () => {
  it.each([
    ['text/plain', 'text/plain'],
    ['Application/VND.ms-Excel', 'application/vnd.ms-excel'],
    ['text/html; charset=x', 'application/octet-stream'],
    ['text', 'application/octet-stream'],
    ['a/b\r\nX: y', 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ])('takes %j as %j', (sent, kept) => {
    expect(cleanContentType(sent)).toBe(kept);
  });
});
