import { shortestCpuMs } from '../../test/shortest.js';
import { compilePattern } from './value-pattern.js';
import type { ValuePattern } from './value-pattern.js';

const BOUND_MS = 100;

function patternOf(text: string): ValuePattern {
  const pattern = compilePattern(text);
  if (typeof pattern !== 'function') throw new Error(pattern.fault);
  return pattern;
}

describe('compilePattern', () => {
  it.each([
    ['CVE-\\d{4}-\\d{4,}', 'CVE-2026-12345', true],
    ['CVE-\\d{4}-\\d{4,}', 'see CVE-2026-12345', false],
    ['CVE-\\d{4}-\\d{4,}', 'CVE-2026-12345\n', false],
    ['^[A-Z]{2}$', 'DE', true],
    ['(?i)de', 'DE', true],
    ['a.b', 'a\nb', true],
    ['a|b', 'ab', false],
    ['[\\p{L}\\p{N}]+', 'Straße7', true],
    ['', '', true],
    ['.*', 'x'.repeat(4096), true],
    ['.*', 'x'.repeat(4097), false],
  ])('%p on %p is %p', (text, value, fits) => {
    expect(patternOf(text)(value)).toBe(fits);
  });

  it.each([
    '(a',
    '[z-a]',
    '(?=a)b',
    '(?<!a)b',
    '(a)\\1',
    'a{2000}',
    '(a{1000}){1000}',
    '\\',
    '(?<n',
  ])('refuses %p, which RE2 does not know', (text) => {
    expect(compilePattern(text)).toEqual({ fault: expect.stringContaining('RE2') as string });
  });

  it('refuses what compiles to a large program', () => {
    expect(compilePattern('(?:a?){500}a{500}')).toEqual({
      fault: expect.stringContaining('repeats') as string,
    });
  });

  it.each(['(a+)+', '(a|a)*b', '(a*)*b', '(.*){50}x', '(\\w+\\s?)*', '(?:a?){190}a{190}'])(
    'matches %p against hostile values in little time',
    (text) => {
      const pattern = patternOf(text);
      for (const value of ['a'.repeat(4095) + '!', 'aab '.repeat(1024), 'a'.repeat(4096)])
        expect(shortestCpuMs(BOUND_MS, () => pattern(value))).toBeLessThan(BOUND_MS);
    },
  );
});
