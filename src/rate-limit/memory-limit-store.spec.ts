import { addressGroup, FailureLimiter, MemoryLimitStore } from './memory-limit-store.js';
import { TIERS } from './tiers.js';

const HOUR_MS = 3_600_000;

describe('MemoryLimitStore', () => {
  it('counts every credential by itself', () => {
    const store = new MemoryLimitStore();
    for (let i = 0; i < 70; i++) store.decide('a', TIERS.basic, 0);
    expect(store.decide('a', TIERS.basic, 0).allowed).toBe(false);
    expect(store.decide('b', TIERS.basic, 0).minute.remaining).toBe(59);
  });

  it('uses the monotonic clock by default', () => {
    const store = new MemoryLimitStore();
    const admitted = Array.from({ length: 1_000 }, () => store.decide('a', TIERS.basic)).filter(
      ({ allowed }) => allowed,
    );
    expect(admitted).toHaveLength(70);
    expect(store.decide('b', TIERS.basic)).toMatchObject({
      minute: { resetMs: 60_000 },
      hour: { resetMs: HOUR_MS },
    });
  });

  it('forgets idle credentials while others come, and none that counts', () => {
    const store = new MemoryLimitStore();
    for (let i = 0; i < 500; i++) store.decide(`old-${i}`, TIERS.basic, 0);
    for (let i = 0; i < 70; i++) store.decide('active', TIERS.basic, 30_000);
    expect(store.size).toBe(501);
    for (let i = 0; i < 600; i++) store.decide('other', TIERS.enterprise, HOUR_MS);
    expect(store.size).toBe(2);
    expect(store.decide('active', TIERS.basic, HOUR_MS).hour.remaining).toBe(929);
  });

  it('stays bounded when every request is of a new credential', () => {
    const store = new MemoryLimitStore();
    let largest = 0;
    for (let i = 0; i < 5_000; i++) {
      store.decide(`id-${i}`, TIERS.basic, i * 36_000);
      largest = Math.max(largest, store.size);
    }
    // One hundred of them are within the hour at any time.
    expect(largest).toBeLessThanOrEqual(300);
  });
});

describe('FailureLimiter', () => {
  it('allows the limit in a sliding window and says when the next is allowed', () => {
    const limiter = new FailureLimiter({ failuresMax: 3 });
    for (const nowMs of [0, 10_000, 20_500]) {
      expect(limiter.isExceeded('192.0.2.1', nowMs)).toBe(false);
      expect(limiter.recordFailure('192.0.2.1', nowMs)).toEqual({
        allowed: true,
        retryAfterSeconds: 0,
      });
    }
    expect(limiter.isExceeded('192.0.2.1', 20_500)).toBe(true);
    expect(limiter.recordFailure('192.0.2.1', 20_500)).toEqual({
      allowed: false,
      retryAfterSeconds: 40,
    });
    expect(limiter.recordFailure('192.0.2.1', 59_999).retryAfterSeconds).toBe(1);
    expect(limiter.count('192.0.2.1', 59_999)).toBe(3);
    expect(limiter.count('192.0.2.1', 60_000)).toBe(2);
    expect(limiter.recordFailure('192.0.2.1', 60_000).allowed).toBe(true);
    expect(limiter.recordFailure('192.0.2.1', 60_000).retryAfterSeconds).toBe(10);
    expect(limiter.recordFailure('192.0.2.2', 60_000).allowed).toBe(true);
  });

  it('takes back what was counted in advance', () => {
    const limiter = new FailureLimiter({ failuresMax: 2 });
    for (let i = 0; i < 10; i++) {
      expect(limiter.recordFailure('192.0.2.1', i).allowed).toBe(true);
      limiter.retract('192.0.2.1', i);
    }
    expect(limiter.count('192.0.2.1', 10)).toBe(0);
    limiter.retract('192.0.2.9', 10);
    expect(limiter.count('192.0.2.9', 10)).toBe(0);
  });

  it('takes another window', () => {
    const limiter = new FailureLimiter({ failuresMax: 1, windowMs: 900_000 });
    limiter.recordFailure('someone@example.org', 0);
    expect(limiter.recordFailure('someone@example.org', 0).retryAfterSeconds).toBe(900);
  });

  it('counts an IPv6 network as one source', () => {
    const limiter = new FailureLimiter({ failuresMax: 2 });
    limiter.recordFailure('2001:db8:0:1::1', 0);
    limiter.recordFailure('2001:db8:0:1:ffff::2', 0);
    expect(limiter.isExceeded('2001:DB8:0:1::3', 0)).toBe(true);
    expect(limiter.isExceeded('2001:db8:0:2::1', 0)).toBe(false);
  });

  it('forgets the source quiet for longest when full', () => {
    const limiter = new FailureLimiter({ failuresMax: 1, sourcesMax: 100 });
    for (let i = 0; i < 101; i++) limiter.recordFailure(`source-${i}`, 0);
    expect(limiter.size).toBe(100);
    expect(limiter.isExceeded('source-0', 0)).toBe(false);
    expect(limiter.isExceeded('source-1', 0)).toBe(true);
    limiter.recordFailure('source-1', 0);
    limiter.recordFailure('source-101', 0);
    expect(limiter.isExceeded('source-1', 0)).toBe(true);
    expect(limiter.isExceeded('source-2', 0)).toBe(false);
  });

  it('forgets sources whose failures are past', () => {
    const limiter = new FailureLimiter({ failuresMax: 5 });
    for (let i = 0; i < 100; i++) limiter.recordFailure(`source-${i}`, 0);
    for (let i = 0; i < 60; i++) limiter.recordFailure('other', 60_000);
    expect(limiter.size).toBe(1);
  });
});

describe('addressGroup', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
    ['an-account', 'an-account'],
  ])('of %p is %p', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });
});
