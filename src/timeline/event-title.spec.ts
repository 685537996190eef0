import fc from 'fast-check';
import { TOLD_KEYS, titleOf } from './event-title.js';
import type { HistoryLine } from './event-title.js';

const line = (key: string, rest: Partial<HistoryLine> = {}): HistoryLine => ({
  key,
  body: '',
  oldValue: null,
  newValue: null,
  subject: null,
  ...rest,
});

const CASES: readonly (readonly [title: string, key: string, rest: Partial<HistoryLine>])[] = [
  ['Case created: Phishing wave', 'created', { body: 'Phishing wave' }],
  [
    'Status changed from new to in-progress',
    'statusChanged statusValue',
    { oldValue: 'new', newValue: 'in-progress' },
  ],
  ['Severity changed from Medium to Critical', 'updated severity', { oldValue: 2, newValue: 4 }],
  ['TLP changed from AMBER to AMBER+STRICT', 'updated tlp', { oldValue: 2, newValue: 3 }],
  ['PAP changed from CLEAR to RED', 'updated pap', { oldValue: 0, newValue: 4 }],
  ['Assigned to Ada Byron', 'updated assigneeId', { newValue: 'an id', subject: 'Ada Byron' }],
  ['Assigned to somebody', 'updated assigneeId', { newValue: 'an id' }],
  ['Unassigned', 'updated assigneeId', { oldValue: 'an id' }],
  ['SLA on track', 'updated slaStatus', { newValue: 'on-track' }],
  ['SLA breached', 'updated slaStatus', { oldValue: 'critical', newValue: 'breached' }],
  ['SLA removed', 'updated slaStatus', { oldValue: 'paused' }],
  [
    'Alert #12 merged: Suspicious login',
    'merged alerts',
    { newValue: { id: 'x', tinyId: 12 }, subject: 'Suspicious login' },
  ],
  ['Alert #12 merged', 'merged alerts', { newValue: { id: 'x', tinyId: 12 } }],
  ['Alert #12 unlinked', 'removed alerts', { oldValue: { id: 'x', tinyId: 12 } }],
  ['Case #7 merged', 'merged cases', { newValue: { id: 'x', tinyId: 7 } }],
  ['Merged into case #7', 'merged case', { newValue: { id: 'x', tinyId: 7 } }],
  ['Linked with case #7', 'added links', { newValue: { id: 'x', tinyId: 7 } }],
  ['Unlinked from case #7', 'removed links', { oldValue: { id: 'x', tinyId: 7 } }],
  [
    'Observable added: ip 10.0.0.1',
    'added observables',
    { newValue: { id: 'x', dataType: 'ip', data: '10.0.0.1' } },
  ],
  ['Evidence added: log.txt', 'added attachments', { newValue: { id: 'x', name: 'log.txt' } }],
  ['Comment added', 'commentAdded', { newValue: { id: 'x' } }],
  ['Task added: Collect memory', 'task added tasks', { body: 'Collect memory' }],
  ['Task deleted: Collect memory', 'task removed tasks', { body: 'Collect memory' }],
  ...(
    [
      ['open', 'reopened'],
      ['in-progress', 'in progress'],
      ['under-review', 'under review'],
      ['completed', 'completed'],
      ['blocked', 'blocked'],
      ['cancelled', 'cancelled'],
    ] as const
  ).map(
    ([newValue, word]) =>
      [
        `Task ${word}: Collect memory`,
        'task statusChanged status',
        { body: 'Collect memory', newValue },
      ] as const,
  ),
  ['Comment added to task: Isolate', 'task commentAdded', { subject: 'Isolate' }],
  ['Comment added to task', 'task commentAdded', {}],
];

describe('titleOf', () => {
  it.each(CASES)('%s', (title, key, rest) => {
    expect(titleOf(line(key, rest))).toBe(title);
  });

  it('knows a title for each line that is told of', () => {
    expect([...new Set(CASES.map(([, key]) => key))].sort()).toEqual([...TOLD_KEYS].sort());
  });

  it('is one line that can be stored, and short, whatever people wrote', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '😀', '\n', ' ', '#'), maxLength: 1000 });
    fc.assert(
      fc.property(
        fc.constantFrom(...TOLD_KEYS),
        text,
        fc.integer({ min: 1, max: 4 }),
        (key, words, level) => {
          const scale = /severity|tlp|pap/.test(key);
          const value = scale
            ? level
            : { id: words, tinyId: level, name: words, dataType: 'url', data: words };
          const title = titleOf(
            line(key, { body: words, oldValue: value, newValue: value, subject: words }),
          );
          expect(title).toMatch(/^\S.*$/u);
          expect(title.isWellFormed()).toBe(true);
          expect(title.length).toBeLessThanOrEqual(250);
        },
      ),
    );
  });
});
