import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import type { Observable } from '../records/answer.schema.js';
import { CSV_HEADER, parseCsv, tagCell, tagsOf, toCsv } from './observable-csv.js';

const OBSERVABLE: Observable = {
  id: '01900000-0000-7000-8000-000000000001',
  caseId: null,
  alertId: '01900000-0000-7000-8000-000000000002',
  createdById: '01900000-0000-7000-8000-000000000003',
  createdAt: '2026-01-31T12:00:00.000Z',
  observableTypeId: 1,
  data: '10.1.2.3',
  startDate: '2026-01-30T12:00:00.000Z',
  tlp: 2,
  dataType: 'ip',
  pap: 1,
  ioc: true,
  sighted: false,
  sightedAt: null,
  ignoreSimilarity: false,
  message: '',
  tags: [],
  attachment: null,
  updatedAt: '2026-01-31T12:00:00.000Z',
  deletedAt: null,
  version: 1,
};

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        "'",
        '"',
        '=',
        '+',
        '-',
        '@',
        '\t',
        '\r',
        '\n',
        ',',
        ';',
        '＝',
        'a',
        ' ',
        '\ufeff',
      ),
      { maxLength: 8 },
    )
    .map((chars) => chars.join('')),
);

describe('tagCell', () => {
  it.each([
    [[], ''],
    [['a', 'b c'], 'a;b c'],
    [['a;b'], '["a;b"]'],
    [['[x]'], '["[x]"]'],
  ])('writes %j as %j', (names, cell) => {
    expect(tagCell(names)).toBe(cell);
    expect(tagsOf(cell)).toEqual(names);
  });

  it('gives all names back', () => {
    const name = text.filter((each) => each.trim() !== '');
    fc.assert(
      fc.property(fc.array(name), (names) => {
        expect(tagsOf(tagCell(names))).toEqual(names);
      }),
    );
  });
});

describe('toCsv', () => {
  it('writes a line of each, which a CSV reader reads', () => {
    const data = '=HYPERLINK("http://evil.example","a,b")\n2';
    const [row] = parse(CSV_HEADER + toCsv([{ ...OBSERVABLE, data }]), {
      columns: true,
    }) as unknown as Record<string, string>[];
    expect(row).toMatchObject({
      dataType: 'ip',
      data: `'${data}`,
      ioc: 'true',
      sightedAt: '',
      pap: '1',
    });
  });

  it('writes what parseCsv reads again', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (data, message) => {
        fc.pre(data !== '' && !data.includes('\u0000'));
        const [line] = await parseCsv(CSV_HEADER + toCsv([{ ...OBSERVABLE, data, message }]), 10);
        expect(line?.body.data).toBe(data);
        expect(line?.body.message ?? '').toBe(message);
        expect(line?.body).toMatchObject({
          ioc: true,
          sighted: false,
          tlp: '2',
          startDate: OBSERVABLE.startDate,
        });
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseCsv', () => {
  it('reads columns in any order, with a byte order mark, blank lines and empty cells', async () => {
    const lines = await parseCsv(
      '\ufeffdata, dataType,tags,ioc\r\n10.1.2.3,ip,a; b,TRUE\r\n\r\n"x\ny",other,,\r\n',
      10,
    );
    expect(lines).toEqual([
      { line: 2, body: { dataType: 'ip', data: '10.1.2.3', ioc: true, tags: ['a', 'b'] } },
      { line: 5, body: { dataType: 'other', data: 'x\ny' } },
    ]);
  });

  it('reads a text of many pieces', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `other,"value ${index}"`);
    const lines = await parseCsv(['dataType,data', ...rows].join('\n'), 20_000);
    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)).toEqual({
      line: 20_001,
      body: { dataType: 'other', data: 'value 19999' },
    });
  });

  it.each([
    ['a quote that does not end', 'dataType,data\nip,"10.1.2.3', /no CSV/],
    ['a quote inside a cell', 'dataType,data\nip,a"b', /no CSV near line 2/],
    ['too few cells', 'dataType,data\nip', /no CSV near line 2/],
    ['too many cells', 'dataType,data\nip,x,y', /no CSV near line 2/],
    ['an endless line', `dataType,data\nother,${'x'.repeat(70_000)}`, /no CSV/],
    ['no data', 'dataType\nip', /no column "data"/],
    ['no type', 'data\n10.1.2.3', /no column "dataType"/],
    ['a column twice', 'dataType,data,data\nip,x,y', /twice/],
    ['an unknown column', 'dataType,data,nonsense\nip,x,y', /unknown column "nonsense"/],
    ['too many lines', 'dataType,data\nip,a\nip,b\nip,c', /at most 2 lines/],
  ])('refuses %s', async (_, csv, detail) => {
    await expect(parseCsv(csv, 2)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      detail: expect.stringMatching(detail) as string,
    });
  });
});
