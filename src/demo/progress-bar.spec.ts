import { ProgressBar } from './progress-bar.js';

/** What the bar writes of a work of a hundred parts. */
function written(isTTY: boolean): string[] {
  const texts: string[] = [];
  const bar = new ProgressBar({ isTTY, write: (text) => texts.push(text) }, 100, 'of the work');
  for (let done = 1; done <= 100; done++) bar.tell(done);
  bar.tell(100);
  return texts;
}

describe('ProgressBar', () => {
  it('redraws one line on a terminal, and ends it when all is done', () => {
    const texts = written(true);
    const lines = texts.join('').split('\r\u001b[2K').slice(1);
    expect(lines).toHaveLength(texts.length);
    expect(lines[0]).toMatch(/^░{32} {3}1 % {2}of the work$/);
    expect(lines.at(-1)).toMatch(/^█{32} 100 % {2}of the work in \d+\.\d s\n$/);
    expect(lines.filter((line) => line.endsWith('\n'))).toHaveLength(1);
  });

  it('writes a line for each tenth elsewhere, the last one once', () => {
    const texts = written(false);
    expect(texts.length).toBeGreaterThanOrEqual(9);
    expect(texts.length).toBeLessThanOrEqual(11);
    expect(texts.every((text) => /^ *\d+ % {2}of the work.*\n$/.test(text))).toBe(true);
    expect(texts.filter((text) => text.startsWith('100'))).toHaveLength(1);
  });
});
