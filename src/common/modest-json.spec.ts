import fc from 'fast-check';
import { isModestJson } from './modest-json.js';

const modest = (text: string, valuesMax = 100) => isModestJson(Buffer.from(text), valuesMax);

describe('isModestJson', () => {
  it.each([
    ['{}', true],
    ['['.repeat(64) + ']'.repeat(64), true],
    ['['.repeat(65) + ']'.repeat(65), false],
    [`{"a":${'{"a":'.repeat(63)}1${'}'.repeat(64)}`, true],
    [`[${'1,'.repeat(99)}1]`, true],
    [`[${'1,'.repeat(100)}1]`, false],
    [JSON.stringify('[,'.repeat(1000)), true],
    [JSON.stringify('\\"[[,'.repeat(1000)), true],
  ])('judges %j', (text, expected) => {
    expect(modest(text)).toBe(expected);
  });

  it('takes whatever JSON holds few values, whatever its texts are', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(modest(JSON.stringify(value), 1_000_000)).toBe(true);
      }),
    );
  });
});
