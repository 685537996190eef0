/** Values of a body's key that are taken, with what the answer then shows, and values that are refused. */
export interface FieldRule {
  readonly field: string;
  readonly accepted: readonly (readonly [sent: unknown, shown: unknown])[];
  readonly refused: readonly unknown[];
  /** Only bodies that create, or only those that update, have the key. */
  readonly only?: 'create' | 'update';
}

const same = (...values: unknown[]) => values.map((value) => [value, value] as const);

const scale = (min: number, max: number) => ({
  accepted: [...same(min, min + 1, max), [String(min), min], [String(max), max]] as const,
  refused: [
    min - 1,
    max + 1,
    2.5,
    String(min - 1),
    String(max + 1),
    '2.5',
    '',
    null,
    true,
    [],
    1e99,
  ],
});

const shortText = (max: number) => ({
  accepted: same('a', 'x'.repeat(max), null, '日本語 ✓'),
  refused: ['x'.repeat(max + 1), 7, {}, 'a\u0000b', 'a\ud800b'],
});

/** The keys that alerts and cases share (spec/api.md §2, §3). */
const SHARED: readonly FieldRule[] = [
  {
    field: 'title',
    accepted: same('a', 'x'.repeat(512), '日本語 🙂'),
    refused: ['', '   ', 'x'.repeat(513), null, 7, [], 'a\u0000b', 'a\udfffb'],
  },
  {
    field: 'statusValue',
    accepted: [
      ['new', 'new'],
      ['NEW', 'new'],
      ['In Progress', 'in-progress'],
      ['in_progress', 'in-progress'],
      ['FALSE-positive', 'false-positive'],
    ],
    refused: ['', 'nonsense', 'new-', null, 1, {}],
  },
  { field: 'severity', ...scale(1, 4) },
  { field: 'tlp', ...scale(0, 4) },
  { field: 'pap', ...scale(0, 4) },
  { field: 'type', ...shortText(64) },
  { field: 'source', ...shortText(64) },
  { field: 'sourceRef', ...shortText(256) },
  {
    field: 'externalLink',
    accepted: same(
      'https://siem.example/alert/1',
      'http://10.0.0.1:8080/x?y#z',
      `https://siem.example/${'x'.repeat(4096 - 21)}`,
      null,
    ),
    refused: [
      `https://siem.example/${'x'.repeat(4096 - 20)}`,
      'javascript:alert(1)',
      'data:text/html,x',
      'ftp://siem.example/',
      '//siem.example/',
      'siem.example',
      7,
    ],
  },
  {
    field: 'customFields',
    accepted: same({}, { a: 1, b: { c: ['d', null, 2.5] } }),
    refused: [[], 'x', 7, null, { 'a\u0000': 1 }, { a: 'b\ud800' }],
  },
  { field: 'teams', accepted: same([]), refused: ['x', {}, ['x'], [7], [{}], [null], null] },
  {
    field: 'tags',
    accepted: same([]),
    refused: ['x', {}, [0], [-1], [1.5], [''], ['  '], [{}], [{ name: '' }], [null], null],
  },
  { field: 'organizations', accepted: [], refused: ['x', ['x'], [7], [{}], null] },
  { field: 'assigneeId', accepted: same(null), refused: ['x', 7, {}, []] },
  { field: 'clientId', accepted: same(null), refused: ['x', 7, {}, []] },
  { field: 'clientName', accepted: same(null), refused: [7, {}, 'a\u0000'] },
  { field: 'visibleToAllOrganizations', accepted: same(true, false), refused: ['true', 1, null] },
];

const MEBIBYTE = 1024 ** 2;

const NESTED_OBSERVABLES: FieldRule = {
  field: 'observables',
  only: 'create',
  accepted: [],
  refused: [
    'x',
    {},
    [null],
    ['10.1.2.3'],
    [{ data: 'x' }],
    [{ dataType: '', data: 'x' }],
    [{ dataType: 7, data: 'x' }],
    [{ dataType: 'ip', data: 7 }],
    [{ dataType: 'other', data: 'x'.repeat(16 * 1024 + 1) }],
    [{ dataType: 'ip', data: 'x\u0000' }],
    [{ dataType: 'ip', data: 'x', tlp: 5 }],
    [{ dataType: 'ip', data: 'x', ioc: 'yes' }],
  ],
};

export const ALERT_FIELDS: readonly FieldRule[] = [
  ...SHARED,
  {
    field: 'description',
    accepted: same('', '**markdown**\n- x', 'x'.repeat(MEBIBYTE)),
    refused: ['x'.repeat(MEBIBYTE + 1), 7, {}, 'a\u0000'],
  },
  { field: 'count', accepted: same(1, 2, 2_147_483_647), refused: [0, -1, 1.5, '2', null, 1e20] },
  NESTED_OBSERVABLES,
];

const SLA = { deadlineHours: 8, warningThresholdPercent: 50, criticalThresholdPercent: 80 };
const HOURS = {
  enabled: true,
  start: '09:00',
  end: '17:30',
  timezone: 'Europe/Berlin',
  workDays: [1, 2, 3, 4, 5],
};

export const CASE_FIELDS: readonly FieldRule[] = [
  ...SHARED,
  {
    field: 'description',
    accepted: same('', null, '**markdown**', 'x'.repeat(MEBIBYTE)),
    refused: ['x'.repeat(MEBIBYTE + 1), 7, {}, 'a\u0000'],
  },
  { field: 'flag', accepted: same(true, false), refused: ['true', 0, null] },
  {
    field: 'createdAt',
    only: 'create',
    accepted: [
      ['2020-02-29T12:00:00.123Z', '2020-02-29T12:00:00.123Z'],
      ['2020-02-29T14:00:00+02:00', '2020-02-29T12:00:00.000Z'],
    ],
    refused: ['2999-01-01T00:00:00Z', '2021-02-29T12:00:00Z', 'yesterday', 1_600_000_000, {}],
  },
  {
    field: 'slaConfig',
    accepted: [
      ...same(null, SLA, { ...SLA, deadlineHours: 0.5 }),
      ...same({ ...SLA, warningThresholdPercent: 0, criticalThresholdPercent: 100 }),
      ...same({ ...SLA, businessHours: HOURS }),
      ...same({ ...SLA, businessHours: { ...HOURS, start: '22:00', end: '24:00' } }),
    ],
    refused: [
      {},
      { ...SLA, deadlineHours: 0 },
      { ...SLA, deadlineHours: -1 },
      { ...SLA, warningThresholdPercent: -1 },
      { ...SLA, criticalThresholdPercent: 101 },
      { ...SLA, warningThresholdPercent: 90 },
      { ...SLA, businessHours: { ...HOURS, end: '09:00' } },
      { ...SLA, businessHours: { ...HOURS, start: '9:00' } },
      { ...SLA, businessHours: { ...HOURS, start: '25:00' } },
      { ...SLA, businessHours: { ...HOURS, timezone: 'Mars/Olympus' } },
      { ...SLA, businessHours: { ...HOURS, workDays: [] } },
      { ...SLA, businessHours: { ...HOURS, workDays: [7] } },
      'x',
    ],
  },
  { field: 'extraData', only: 'update', accepted: same({ a: [1] }, null), refused: ['x', [], 7] },
  { field: 'aiInsights', only: 'update', accepted: same({ a: 1 }, null), refused: ['x', [], 7] },
  {
    field: 'resolutionSummary',
    only: 'update',
    accepted: same('Blocked at the proxy.', null),
    refused: [7, {}, 'a\u0000'],
  },
  NESTED_OBSERVABLES,
];

/** A value as the title of a test shows it. */
export function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 40)}… (${text.length})` : text;
}
