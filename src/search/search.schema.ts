import { z } from 'zod';
import { idSchema } from '../common/fields.js';
import { integer, values } from '../records/record-filter.js';
import { wordsSchema } from '../records/text-search.js';

/** What is searched, each kind by its own. */
export const SEARCH_KINDS = ['alert', 'case', 'task', 'observable', 'comment'] as const;

export type SearchKind = (typeof SEARCH_KINDS)[number];

/** What a match is worth by where and how it is. */
export const SCORES = {
  exact: 1,
  title: 0.9,
  words: 0.8,
  beginnings: 0.6,
  parts: 0.4,
  some: 0.3,
  body: 0.2,
} as const;

/** The newest matches of a kind that are ranked. */
export const CANDIDATES_MAX = 200;
/** How many of them will do where they are found without looking for all. */
export const CANDIDATES_ENOUGH = 10;

export const searchQuery = z.strictObject({
  q: wordsSchema.meta({
    description:
      'Up to 10 words, all of which a match has: each may be a prefix, or a substring of 3 or more characters. ' +
      'Or a number (`42`, `#42`, `case-42`, `alert-42`), or the value of an observable in whatever form.',
    example: 'powershell',
  }),
  kinds: values(z.enum(SEARCH_KINDS))
    .optional()
    .meta({ description: 'Only these kinds.', example: ['alert', 'case'] }),
  limit: integer(1, 100)
    .default(25)
    .meta({ description: 'Matches a page, 1 to 100; without it, 25.' }),
  cursor: z
    .string()
    .max(2000)
    .optional()
    .meta({ description: 'Where the page starts: the `nextCursor` of the page before.' }),
});

const parentSchema = z
  .object({
    kind: z.enum(['alert', 'case', 'task']),
    id: idSchema,
    tinyId: z.int().nullable().meta({ description: 'Null for a task.' }),
    title: z.string(),
  })
  .meta({ id: 'SearchParent', description: 'What a task, an observable or a comment hangs on.' });

const hitSchema = z
  .object({
    kind: z.enum(SEARCH_KINDS),
    id: idSchema,
    tinyId: z.int().nullable().meta({ description: 'The number of an alert or a case.' }),
    title: z.string().meta({
      description:
        'Plain text: the title, the value of an observable as it was sent (its first 512 characters), the first line of a comment (its first 120).',
    }),
    snippet: z.string().meta({
      description:
        'HTML, safe to insert as it is: about 160 characters around the first match, on one line, everything escaped (`&amp;`, `&lt;`, `&gt;`, `&quot;`, `&#39;`) but the `<mark>…</mark>` around what was searched for, `…` where text was left out. ' +
        'Of the description, the text of a comment or the value of an observable; of the title, where only that matches.',
      example: 'Encoded command, started by <mark>winword</mark>.exe &amp; hidden…',
    }),
    score: z.number().meta({
      description:
        `${SCORES.exact}: its number or its value is what was asked for. ${SCORES.title}: its title is. ${SCORES.words}: the title has all the words. ` +
        `${SCORES.beginnings}: words of the title begin with them. ${SCORES.parts}: the title has them somewhere. ` +
        `${SCORES.some}: the title has some, the text the others. ${SCORES.body}: the text alone matches.`,
      example: SCORES.words,
    }),
    parent: parentSchema.nullable().meta({ description: 'Null for alerts and cases.' }),
  })
  .meta({ id: 'SearchHit' });

export const searchResultSchema = z
  .object({ items: z.array(hitSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'SearchResult' });

export type SearchQuery = z.output<typeof searchQuery>;
export type SearchParent = z.output<typeof parentSchema>;
export type SearchHit = z.output<typeof hitSchema>;
export type SearchResult = z.output<typeof searchResultSchema>;
