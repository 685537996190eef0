import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { createAlertSchema } from '../alerts/alerts.schema.js';
import { planMonth } from './month.js';
import type { Month } from './month.js';
import type { Step } from './steps.js';

const UNTIL_MS = Date.parse('2026-11-20T16:40:00Z');
const DAY_MS = 86_400_000;

const options = fc.record({
  seed: fc.string({ minLength: 1, maxLength: 12 }),
  days: fc.integer({ min: 3, max: 40 }),
  scale: fc.constantFrom(0.05, 0.1),
  untilMs: fc.integer({ min: UNTIL_MS - 400 * DAY_MS, max: UNTIL_MS }),
});

const forAnyMonth = (check: (month: Month, untilMs: number) => void) => {
  fc.assert(
    fc.property(options, (given) => {
      check(planMonth(given), given.untilMs);
    }),
    { numRuns: 15 },
  );
};

/** What a step speaks of, and so must come after. */
function subjectsOf(step: Step): readonly object[] {
  switch (step.do) {
    case 'open-case':
      return step.alerts;
    case 'change-alert':
      return [step.alert];
    case 'merge-alert':
      return [step.case, step.alert];
    case 'link':
    case 'merge-case':
      return [step.case, step.other];
    case 'change-task':
      return [step.of.case];
    case 'comment':
      return ['alert' in step.on ? step.on.alert : step.on.case];
    default:
      return [step.case];
  }
}

const RESERVED = /\.(?:example|test)$/;

const NETWORKS = [
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001:db8::/32',
  '10.0.0.0/8',
];

/** Whether a value is of those that documentation may use, or of an internal network. */
function isNobodys(dataType: string, data: string): boolean {
  if (dataType === 'ip')
    return NETWORKS.some((network) => {
      const [range, bits] = ipaddr.parseCIDR(network);
      const address = ipaddr.parse(data);
      return address.kind() === range.kind() && address.match(range, bits);
    });
  if (dataType === 'url') return RESERVED.test(new URL(data).hostname);
  return !['domain', 'fqdn', 'mail'].includes(dataType) || RESERVED.test(data);
}

describe('planMonth', () => {
  it('plans the same month for the same options', () => {
    fc.assert(
      fc.property(options, (given) => {
        expect(planMonth(given)).toEqual(planMonth(given));
      }),
      { numRuns: 10 },
    );
  });

  it('says the same on another day, but for what one end of the month cuts off', () => {
    const titles = (untilMs: number) =>
      new Set(
        planMonth({ seed: '7', days: 30, scale: 0.2, untilMs }).alerts.map(({ title }) => title),
      );
    const [one, other] = [titles(UNTIL_MS), titles(UNTIL_MS - 3 * DAY_MS)];
    const shared = [...one].filter((title) => other.has(title)).length;
    expect(shared / Math.max(one.size, other.size)).toBeGreaterThan(0.95);
  });

  it('plans another month for another seed', () => {
    const titles = (seed: string) =>
      planMonth({ seed, days: 30, scale: 0.1, untilMs: UNTIL_MS }).alerts.map(({ title }) => title);
    expect(titles('1')).not.toEqual(titles('2'));
  });

  it('is as large as its scale says', () => {
    const { alerts, steps } = planMonth({ seed: '1', days: 30, scale: 1, untilMs: UNTIL_MS });
    expect(alerts.length).toBeGreaterThan(1_450);
    expect(alerts.length).toBeLessThan(1_520);
    const opened = steps.filter((step) => step.do === 'open-case').length;
    expect(opened).toBeGreaterThanOrEqual(90);
    expect(opened).toBeLessThanOrEqual(110);
  });

  it('keeps the order of things: nobody works on what is not there yet', () => {
    forAnyMonth(({ alerts, steps }, untilMs) => {
      const thereMs = new Map<object, number>(alerts.map((alert) => [alert, alert.atMs]));
      let lastMs = Number.NEGATIVE_INFINITY;
      const early = steps.filter((step) => {
        const isLate = step.atMs < lastMs || step.atMs > untilMs;
        lastMs = step.atMs;
        const isEarly = subjectsOf(step).some(
          (subject) => (thereMs.get(subject) ?? Number.POSITIVE_INFINITY) > step.atMs,
        );
        if (step.do === 'open-case') thereMs.set(step.case, step.atMs);
        return isLate || isEarly;
      });
      expect(early).toEqual([]);
    });
  });

  it('writes alerts that the API takes', () => {
    forAnyMonth(({ alerts }) => {
      const refused = alerts.filter(
        (alert) => !createAlertSchema.safeParse({ ...alert, statusValue: 'new' }).success,
      );
      expect(refused).toEqual([]);
    });
  });

  it('names no address and no domain that somebody has', () => {
    forAnyMonth(({ alerts }) => {
      const foreign = alerts
        .flatMap(({ observables }) => observables)
        .filter(({ dataType, data }) => !isNobodys(dataType, data));
      expect(foreign).toEqual([]);
    });
  });

  it('lets the same indicators come up in both organizations', () => {
    forAnyMonth(({ alerts }) => {
      const domains = (tenant: string) =>
        alerts
          .filter((alert) => alert.tenant === tenant)
          .flatMap(({ observables }) => observables)
          .filter(({ ioc }) => ioc)
          .map(({ data }) => data);
      const hospitals = new Set(domains('hospitals'));
      expect(domains('bank').some((data) => hospitals.has(data))).toBe(true);
    });
  });
});
