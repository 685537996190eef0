import fc from 'fast-check';
import { unite } from './case-merge.js';
import type { MergeableCase } from './case-merge.queries.js';

const named = (id: string) => ({ id, name: `Name of ${id}` });

const CASE: MergeableCase = {
  id: 'case',
  tinyId: 1,
  organizationId: 'owner',
  title: 'Title',
  description: null,
  severity: 1,
  tlp: 0,
  pap: 0,
  flag: false,
  customFields: {},
  statusValue: 'new',
  stage: 'New',
  primaryCaseId: null,
  visibleToAllOrganizations: false,
  organizations: [named('owner')],
  teams: [],
  tags: [],
};

const ORGANIZATIONS = ['owner', 'a', 'b', 'c'];

const mergeable: fc.Arbitrary<MergeableCase> = fc
  .record({
    severity: fc.integer({ min: 1, max: 4 }),
    tlp: fc.integer({ min: 0, max: 4 }),
    pap: fc.integer({ min: 0, max: 4 }),
    flag: fc.boolean(),
    visibleToAllOrganizations: fc.boolean(),
    guests: fc.subarray(['a', 'b', 'c']),
    tags: fc.subarray([1, 2, 3]),
  })
  .map(({ guests, tags, ...rest }) => ({
    ...CASE,
    ...rest,
    organizations: ['owner', ...guests].map(named),
    tags: tags.map((id) => ({ id, name: `tag ${id}` })),
  }));

const isSeenBy = (
  {
    visibleToAllOrganizations,
    organizations,
  }: Pick<MergeableCase, 'visibleToAllOrganizations' | 'organizations'>,
  organization: string,
) => visibleToAllOrganizations || organizations.some(({ id }) => id === organization);

describe('unite', () => {
  it('takes the highest marks, a flag of any, and each tag and team once', () => {
    const tag = (id: number) => ({ id, name: `tag ${id}` });
    const primary = { ...CASE, severity: 2, tlp: 3, tags: [tag(1)], teams: [named('x')] };
    const other = { ...CASE, severity: 4, pap: 2, flag: true, tags: [tag(2), tag(1)] };
    expect(unite(primary, [other, { ...CASE, teams: [named('x'), named('y')] }])).toMatchObject({
      severity: 4,
      tlp: 3,
      pap: 2,
      flag: true,
      tags: [tag(1), tag(2)],
      teams: [named('x'), named('y')],
    });
  });

  it('is seen by exactly those who could see all, the owner first among them', () => {
    fc.assert(
      fc.property(
        mergeable,
        fc.array(mergeable, { minLength: 1, maxLength: 5 }),
        (primary, others) => {
          const united = unite(primary, others);
          for (const id of [...ORGANIZATIONS, 'another']) {
            const couldSeeAll = [primary, ...others].every((each) => isSeenBy(each, id));
            expect(isSeenBy(united, id)).toBe(couldSeeAll);
          }
          expect(united.organizations[0]?.id).toBe('owner');
        },
      ),
    );
  });

  it('is never less restricted or severe than any of them, and loses no tag', () => {
    fc.assert(
      fc.property(
        mergeable,
        fc.array(mergeable, { minLength: 1, maxLength: 5 }),
        (primary, others) => {
          const united = unite(primary, others);
          for (const each of [primary, ...others]) {
            expect(united.tlp).toBeGreaterThanOrEqual(each.tlp);
            expect(united.pap).toBeGreaterThanOrEqual(each.pap);
            expect(united.severity).toBeGreaterThanOrEqual(each.severity);
            expect(united.tags).toEqual(expect.arrayContaining([...each.tags]));
          }
          expect(new Set(united.tags.map(({ id }) => id)).size).toBe(united.tags.length);
        },
      ),
    );
  });
});
