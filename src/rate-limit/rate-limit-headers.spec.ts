import { createLimitState, decide, Decision } from './decide.js';
import { rateLimitHeaders } from './rate-limit-headers.js';
import { TIERS } from './tiers.js';

const NOW_UNIX_MS = 1_790_000_000_001;

function decision(
  minute: [number, number],
  burst: [number, number],
  hour: [number, number],
  retryAfterSeconds = 0,
): Decision {
  const [m, b, h] = [minute, burst, hour].map(([remaining, resetMs]) => ({ remaining, resetMs }));
  if (!m || !b || !h) throw new Error('three policies');
  const allowed = retryAfterSeconds === 0;
  return { allowed, minute: m, burst: b, hour: h, retryAfterSeconds, violated: [] };
}

describe('rateLimitHeaders', () => {
  it('says all about the first request of a Basic key', () => {
    const first = decide(createLimitState(), TIERS.basic, 0);
    expect(rateLimitHeaders('basic', first, 1_790_000_000_000)).toEqual([
      ['X-RateLimit-Limit', '60'],
      ['X-RateLimit-Remaining', '59'],
      ['X-RateLimit-Reset', '1790000060'],
      ['RateLimit-Policy', '"minute";q=60;w=60, "burst";q=10;w=60, "hour";q=1000;w=3600'],
      ['RateLimit', '"minute";r=59;t=60, "burst";r=10;t=0, "hour";r=999;t=3600'],
    ]);
  });

  it('adds Retry-After to a refusal', () => {
    const refused = decision([0, 16_001], [0, 16_001], [930, 3_421_001], 17);
    expect(rateLimitHeaders('basic', refused, NOW_UNIX_MS).slice(4)).toEqual([
      ['RateLimit', '"minute";r=0;t=17, "burst";r=0;t=17, "hour";r=930;t=3422'],
      ['Retry-After', '17'],
    ]);
  });

  it.each([
    ['the minute', decision([42, 17_000], [10, 0], [958, 3_000_000]), '60', '42', 17],
    ['the burst', decision([60, 0], [1, 2_000], [1_000, 0]), '10', '1', 2],
    ['the hour', decision([60, 0], [10, 0], [999, 3_500_000]), '1000', '999', 3_500],
    ['the minute before the burst', decision([0, 5_000], [0, 6_000], [1, 0]), '60', '0', 5],
    ['the burst before the hour', decision([31, 1_000], [5, 7_000], [500, 8_000]), '10', '5', 7],
    ['the hour below the burst', decision([60, 0], [5, 0], [400, 9_000]), '1000', '400', 9],
    ['the minute when all are equal', decision([60, 0], [10, 0], [1_000, 0]), '60', '60', 0],
  ])('speaks of %s when it is nearest to its end', (_name, given, limit, remaining, inSeconds) => {
    expect(rateLimitHeaders('basic', given, NOW_UNIX_MS).slice(0, 3)).toEqual([
      ['X-RateLimit-Limit', limit],
      ['X-RateLimit-Remaining', remaining],
      ['X-RateLimit-Reset', String(1_790_000_001 + inSeconds)],
    ]);
  });

  it.each([
    ['standard', '"minute";q=300;w=60, "burst";q=50;w=60, "hour";q=10000;w=3600'],
    ['professional', '"minute";q=1000;w=60, "burst";q=100;w=60, "hour";q=50000;w=3600'],
    ['enterprise', '"minute";q=5000;w=60, "burst";q=500;w=60, "hour";q=200000;w=3600'],
  ] as const)('names the policies of %s', (tier, policy) => {
    const first = decide(createLimitState(), TIERS[tier], 0);
    expect(Object.fromEntries(rateLimitHeaders(tier, first, 0))['RateLimit-Policy']).toBe(policy);
  });

  it('is empty for unlimited', () => {
    expect(rateLimitHeaders('unlimited', null, NOW_UNIX_MS)).toEqual([]);
  });
});
