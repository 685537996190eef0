import fc from 'fast-check';
import { JsonText, joinBytes, joinTexts } from './json-text.js';

describe('joinBytes', () => {
  it('is what joinTexts is, in UTF-8', () => {
    fc.assert(
      fc.property(fc.array(fc.json({ stringUnit: 'binary' }), { minLength: 1 }), (texts) => {
        const items = texts.map((text) => new JsonText(text));
        expect(joinBytes(items)).toEqual(Buffer.from(joinTexts(items)));
      }),
    );
  });
});
