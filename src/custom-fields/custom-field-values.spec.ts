import fc from 'fast-check';
import {
  FIELD_TYPES,
  declarationFaults,
  emptyRequired,
  faultsOf,
  isEmptyValue,
  valueFault,
  withDefaults,
} from './custom-field-values.js';
import type { FieldRule, FieldType } from './custom-field-values.js';

const OPTIONS = ['Low', 'High', 'constructor'];
const CHOICES: readonly FieldType[] = ['select', 'multi-select', 'radio'];

function field(type: FieldType, more: Partial<FieldRule> = {}): FieldRule {
  return {
    key: 'key',
    type,
    required: false,
    options: CHOICES.includes(type) ? OPTIONS : null,
    defaultValue: null,
    ...more,
  };
}

const url = (length: number) => `https://siem.example/${'x'.repeat(length - 21)}`;

/** Values that fit each type and values that do not, at and around every bound. */
const VALUES: Readonly<Record<FieldType, { fit: readonly unknown[]; unfit: readonly unknown[] }>> =
  {
    text: {
      fit: ['', ' ', 'a', 'a\tb', '日本 ✓', 'x'.repeat(511), 'x'.repeat(512)],
      unfit: [
        'x'.repeat(513),
        ...['\n', '\r', '\u000b', '\f', '\u0085', '\u2028', '\u2029'].map((end) => `a${end}b`),
        'a\n',
        'a\u0000',
        'a\ud800',
        7,
        true,
        [],
        {},
      ],
    },
    'text-area': {
      fit: ['', 'a\r\nb', 'x'.repeat(65_536)],
      unfit: ['x'.repeat(65_537), 'a\u0000', 7, ['a'], {}],
    },
    number: {
      fit: [0, -1, 2.5, 1e308, Number.MAX_SAFE_INTEGER],
      unfit: ['1', '', true, [], {}, Number.NaN, Number.POSITIVE_INFINITY],
    },
    date: {
      fit: [
        '2026-01-31',
        '2024-02-29',
        '1969-12-31',
        '2026-01-31T08:00:00Z',
        '2026-01-31T08:00:00.123456Z',
        '2026-01-31T08:00:00+02:00',
      ],
      unfit: [
        '',
        '2026-02-30',
        '2025-02-29',
        '2026-13-01',
        '2026-1-31',
        '31.01.2026',
        '2026-01-31T08:00:00',
        '2026-01-31 08:00:00Z',
        '2026-01-31T25:00:00Z',
        `2026-01-31T08:00:00.${'1'.repeat(40)}Z`,
        'yesterday',
        1_769_846_400_000,
        {},
      ],
    },
    select: { fit: OPTIONS, unfit: ['', 'low', ' Low', 'toString', 0, ['Low'], {}, true] },
    radio: { fit: OPTIONS, unfit: ['', 'low', 'Low ', 'length', 1, ['High'], {}] },
    'multi-select': {
      fit: [[], ['Low'], ['High', 'Low'], OPTIONS],
      unfit: ['Low', ['low'], ['Low', 'Low'], ['Low', 7], [null], [['Low']], {}, { 0: 'Low' }],
    },
    checkbox: { fit: [true, false], unfit: ['true', '', 0, 1, [], {}] },
    url: {
      fit: ['http://a', 'HTTPS://siem.example/x?y#z', url(4096)],
      unfit: ['', url(4097), 'ftp://a', 'javascript:alert(1)', '//a', 'a.example', 'http://', 7],
    },
    phone: {
      fit: ['112', '+49 (30) 123-456', '0049/30.123', '1'.repeat(32), `+${'1'.repeat(32)}`],
      unfit: ['', '11', '1'.repeat(33), `+${'1'.repeat(33)}`, '+12', '1 2+3', '12a', '١٢٣', 123],
    },
  };

describe.each(FIELD_TYPES)('valueFault of %s', (type) => {
  const { fit, unfit } = VALUES[type];

  it('finds nothing wrong with values that fit', () => {
    expect(fit.filter((value) => valueFault(field(type), value) !== null)).toEqual([]);
  });

  it('says what is wrong with values that do not', () => {
    expect(unfit.filter((value) => valueFault(field(type), value) === null)).toEqual([]);
    for (const value of unfit) expect(valueFault(field(type), value)).toMatch(/^Must .*\.$/s);
  });

  it('judges any JSON without failing, and the same each time', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const fault = valueFault(field(type), value);
        expect(valueFault(field(type), value)).toBe(fault);
      }),
    );
  });
});

describe('valueFault', () => {
  it('takes of a choice exactly the options, and of several every set of them', () => {
    const options = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 128 }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(options, fc.string(), fc.func(fc.boolean()), (all, other, isChosen) => {
        const chosen = all.filter(isChosen);
        for (const type of ['select', 'radio'] as const) {
          const choice = field(type, { options: all });
          expect(all.filter((option) => valueFault(choice, option) !== null)).toEqual([]);
          expect(valueFault(choice, other) === null).toBe(all.includes(other));
        }
        const choices = field('multi-select', { options: all });
        expect(valueFault(choices, chosen)).toBeNull();
        expect(valueFault(choices, [...chosen, ...chosen]) === null).toBe(chosen.length === 0);
        expect(valueFault(choices, [...chosen, other]) === null).toBe(
          all.includes(other) && !chosen.includes(other),
        );
      }),
    );
  });

  it('takes of a text exactly what has one line and 512 characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 600, size: 'max' }), (text) => {
        const fits = text.length <= 512 && !/[\n\v\f\r\u0085\u2028\u2029\0]/.test(text);
        expect(valueFault(field('text'), text) === null).toBe(fits);
      }),
    );
  });

  it('lists the first of many options', () => {
    const options = Array.from({ length: 22 }, (_, i) => `o${i}`);
    const message = valueFault(field('select', { options }), 'x');
    expect(message).toContain('o0, o1');
    expect(message).toContain('o19 and 2 more.');
  });
});

describe('isEmptyValue', () => {
  it.each([[undefined], [null], [''], [[]]])('holds for %j', (value) => {
    expect(isEmptyValue(value)).toBe(true);
  });

  it.each([[0], [false], [' '], [[null]], [{}]])('does not hold for %j', (value) => {
    expect(isEmptyValue(value)).toBe(false);
  });
});

describe('faultsOf', () => {
  const required = field('text', { key: 'r', required: true });
  const withDefault = field('text', { key: 'd', required: true, defaultValue: 'x' });
  const free = field('number', { key: 'f' });
  const fields = [required, withDefault, free];
  const keys = (values: object, check: 'complete' | 'draft' | 'update') =>
    faultsOf(fields, values as Record<string, unknown>, check).map(
      ({ key, code }) => `${key} ${code}`,
    );

  const BOTH = ['r invalid_value', 'd invalid_value'];
  it.each<[object, string[], string[], string[]]>([
    [{}, ['r required'], [], []],
    [{ r: 'a' }, [], [], []],
    [{ r: null }, ['r required'], [], ['r required']],
    [{ r: '' }, ['r required'], [], ['r required']],
    [{ r: [] }, ['r required'], ['r invalid_value'], ['r required']],
    [{ r: 'a', d: null }, ['d required'], [], ['d required']],
    [{ r: 'a', f: null }, [], [], []],
    [{ r: 'a', f: 'x' }, ['f invalid_value'], ['f invalid_value'], ['f invalid_value']],
    [{ r: 7, d: 7 }, BOTH, BOTH, BOTH],
  ])('of %j', (values, complete, draft, update) => {
    expect(keys(values, 'complete')).toEqual(complete);
    expect(keys(values, 'draft')).toEqual(draft);
    expect(keys(values, 'update')).toEqual(update);
  });

  it('takes keys that every object inherits for absent ones', () => {
    const inherited = field('number', { key: 'constructor', required: true });
    expect(faultsOf([inherited], {}, 'complete')).toMatchObject([{ code: 'required' }]);
    expect(faultsOf([inherited], {}, 'update')).toEqual([]);
    expect(emptyRequired([inherited], {})).toEqual(['constructor']);
    expect(withDefaults([{ ...inherited, defaultValue: 7 }], {})).toEqual({ constructor: 7 });
  });
});

const anyField = fc
  .record({
    key: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,5}$/),
    type: fc.constantFrom(...FIELD_TYPES),
    required: fc.boolean(),
    place: fc.option(fc.nat()),
  })
  .map(({ key, type, required, place }) => {
    const defaults = VALUES[type].fit.filter((value) => !isEmptyValue(value));
    const defaultValue = place === null ? null : defaults[place % defaults.length];
    return field(type, { key, required, defaultValue });
  });
const anyFields = fc.uniqueArray(anyField, { selector: ({ key }) => key, maxLength: 8 });
const anyValues = fc.dictionary(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,2}$/),
  fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(VALUES).flatMap(({ fit }) => fit))),
);

describe('a new record', () => {
  it('lacks nothing that is required once nothing is wrong and defaults are in', () => {
    fc.assert(
      fc.property(anyFields, anyValues, (fields, values) => {
        const faults = faultsOf(fields, values, 'complete');
        if (faults.length > 0) return;
        expect(emptyRequired(fields, withDefaults(fields, values))).toEqual([]);
      }),
    );
  });

  it('keeps every value as it was brought, and gains only defaults of absent keys', () => {
    fc.assert(
      fc.property(anyFields, anyValues, (fields, values) => {
        const filled = withDefaults(fields, values);
        expect(filled).toMatchObject(values);
        for (const key of Object.keys(filled)) {
          if (Object.hasOwn(values, key)) continue;
          expect(filled[key]).toEqual(fields.find((each) => each.key === key)?.defaultValue);
        }
        expect(withDefaults(fields, filled)).toEqual(filled);
      }),
    );
  });
});

describe('an update', () => {
  it('is judged by the declared keys it brings alone', () => {
    fc.assert(
      fc.property(anyFields, anyValues, (fields, values) => {
        const faults = faultsOf(fields, values, 'update');
        expect(faults.filter(({ key }) => !Object.hasOwn(values, key))).toEqual([]);
        const declared = Object.fromEntries(
          Object.entries(values).filter(([key]) => fields.some((each) => each.key === key)),
        );
        expect(faultsOf(fields, declared, 'update')).toEqual(faults);
      }),
    );
  });
});

describe('declarationFaults', () => {
  it.each(FIELD_TYPES)('asks for options exactly where %s offers a choice', (type) => {
    const paths = (options: readonly string[] | null) =>
      declarationFaults(field(type, { options })).map(({ path }) => path);
    const isChoice = CHOICES.includes(type);
    expect(paths(OPTIONS)).toEqual(isChoice ? [] : ['options']);
    expect(paths(null)).toEqual(isChoice ? ['options'] : []);
  });

  it.each(FIELD_TYPES)('takes for a default of %s what fits', (type) => {
    const { fit, unfit } = VALUES[type];
    const isTaken = (defaultValue: unknown) =>
      declarationFaults(field(type, { defaultValue })).length === 0;
    expect(fit.filter((value) => !isTaken(value))).toEqual([]);
    expect(unfit.filter(isTaken)).toEqual([]);
  });

  it('refuses an empty default of a required field', () => {
    for (const [type, defaultValue] of [
      ['text', ''],
      ['multi-select', []],
    ] as const) {
      expect(declarationFaults(field(type, { defaultValue }))).toEqual([]);
      expect(declarationFaults(field(type, { defaultValue, required: true }))).toMatchObject([
        { path: 'defaultValue' },
      ]);
    }
  });
});
