import fc from 'fast-check';
import { mentionedEmails } from './mentions.js';

describe('mentionedEmails', () => {
  it.each([
    ['@a@example.org', ['a@example.org']],
    ['ask @A.B+c@Mail.Example.ORG, please', ['a.b+c@mail.example.org']],
    ['(@a@example.org) and @b@example.org.', ['a@example.org', 'b@example.org']],
    ['@a@example.org @A@EXAMPLE.ORG', ['a@example.org']],
    ['mail to a@example.org', []],
    ['x@@a@example.org', []],
    ['@a', []],
    ['@a@localhost', []],
    ['', []],
  ])('of %j are %j', (body, emails) => {
    expect(mentionedEmails(body)).toEqual(emails);
  });

  it('are at most fifty, and each is in the text', () => {
    fc.assert(
      fc.property(fc.array(fc.emailAddress(), { maxLength: 80 }), fc.string(), (emails, text) => {
        const body = `${text}\n${emails.map((email) => `@${email}`).join(' ')}`;
        const found = mentionedEmails(body);
        expect(found.length).toBeLessThanOrEqual(50);
        for (const email of found) expect(body.toLowerCase()).toContain(`@${email}`);
      }),
    );
  });

  it('take no more than linear time in what looks like many of them', () => {
    expect(mentionedEmails('@a.'.repeat(10_000))).toEqual([]);
    expect(mentionedEmails(`@${'a@b.'.repeat(7_500)}`).length).toBeLessThanOrEqual(50);
  });
});
