import autocannon from 'autocannon';
import type { Client, Request } from 'autocannon';
import { median } from './report.js';
import { note } from './progress.js';

export const CONNECTIONS = 25;
export const ROUNDS = 3;
export const ROUND_SECONDS = 4;
const WARM_UP_SECONDS = 5;

/** A server and what it is asked, in turn. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  readonly requests: readonly Request[];
}

/** What a server reached. */
export interface Score {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Lets each connection begin elsewhere among the requests, so that they seldom ask the same at once. */
function spread(requests: readonly Request[]): (client: Client) => void {
  let connection = 0;
  return (client) => {
    const first = Math.floor((connection++ * requests.length) / CONNECTIONS);
    client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
  };
}

async function round({ name, url, requests }: Contender, duration: number): Promise<Score> {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration,
    requests,
    setupClient: spread(requests),
  });
  if (result.errors + result.timeouts + result.non2xx > 0) {
    throw new Error(
      `${name}: ${result.non2xx} refused, ${result.errors} failed, ${result.timeouts} timed out.`,
    );
  }
  return {
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
  };
}

/** The medians of all contenders, which take turns so that a busy moment meets each of them. */
export async function compete(contenders: readonly Contender[]): Promise<Score[]> {
  for (const contender of contenders) await round(contender, WARM_UP_SECONDS);
  const scores = contenders.map((): Score[] => []);
  for (let turn = 1; turn <= ROUNDS; turn++) {
    for (const [index, contender] of contenders.entries()) {
      const score = await round(contender, ROUND_SECONDS);
      scores[index]?.push(score);
      note(`${contender.name}, round ${turn}: ${score.perSecond.toFixed(0)} requests/s`);
    }
  }
  return scores.map((list) => ({
    perSecond: median(list.map((score) => score.perSecond)),
    p50: median(list.map((score) => score.p50)),
    p99: median(list.map((score) => score.p99)),
  }));
}
