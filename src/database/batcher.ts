import { isConnectionLost, sqlState } from './database-errors.js';

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** What goes into one statement. */
export interface BatchRules<In> {
  /** Items of different keys go into statements of their own, beside each other; without it all have one key. */
  readonly keyOf?: (item: In) => string;
  /** What an item adds to a statement; one without it. */
  readonly weightOf?: (item: In) => number;
  /** What the items of one statement weigh together, unless one alone weighs more. */
  readonly weightMax: number;
  /** Milliseconds after which a statement counts as held up: a few smaller ones then go beside it. */
  readonly patienceMs: number;
  /** Whether an item may wait for a lock: while a statement is held up, each then goes by itself. */
  readonly mayLock?: boolean;
}

/** While a statement is held up: how many go beside it, and what part of the usual weight each takes. */
const BESIDE_MAX = 4;
const BESIDE_PART = 1 / 4;

/** Does several of one key, or nothing when it fails; answers each in their order. */
type Work<In, Out> = (items: readonly In[]) => Promise<readonly Out[]>;

/**
 * Does with one statement what is asked for in one turn of the event loop, or while the statement before is under way,
 * as databases group commits: alone nothing waits, and in a crowd each costs a part.
 *
 * A statement begins after everything it answers was asked for, so that a reader sees what was written before it asked.
 * One that the database refuses is undone whole and tried again in parts, so that each item fails by itself.
 */
export class Batcher<In, Out> {
  private readonly lanes = new Map<string, Lane<In, Out>>();

  constructor(
    private readonly work: Work<In, Out>,
    private readonly rules: BatchRules<In>,
  ) {}

  run(item: In): Promise<Out> {
    const key = this.rules.keyOf?.(item) ?? '';
    const lane =
      this.lanes.get(key) ?? new Lane(this.work, this.rules, () => this.lanes.delete(key));
    this.lanes.set(key, lane);
    return new Promise((resolve, reject) => {
      lane.add({ item, resolve, reject });
    });
  }
}

/** What waits and is done of one key. */
class Lane<In, Out> {
  private waiting: Waiting<In, Out>[] = [];
  private isDue = false;
  private underWay = 0;
  private heldUp = 0;

  constructor(
    private readonly work: Work<In, Out>,
    private readonly rules: BatchRules<In>,
    private readonly onIdle: () => void,
  ) {}

  add(one: Waiting<In, Out>): void {
    this.waiting.push(one);
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.next();
    });
  }

  private next(): void {
    while (this.waiting.length > 0 && this.isFree()) this.start(this.take());
    if (this.underWay === 0 && !this.isDue) this.onIdle();
  }

  /** Whether a statement may begin: one at a time, and a few while others are held up. */
  private isFree(): boolean {
    return this.underWay - this.heldUp < (this.heldUp > 0 ? BESIDE_MAX : 1);
  }

  private start(taken: readonly Waiting<In, Out>[]): void {
    let isHeldUp = false;
    const patience = setTimeout(() => {
      isHeldUp = true;
      this.heldUp++;
      this.next();
    }, this.rules.patienceMs);
    this.underWay++;
    void this.doAll(taken).finally(() => {
      clearTimeout(patience);
      this.underWay--;
      if (isHeldUp) this.heldUp--;
      this.next();
    });
  }

  /** The first that wait, as many as go with one statement. */
  private take(): readonly Waiting<In, Out>[] {
    const { weightOf = () => 1, weightMax, mayLock } = this.rules;
    const beside = mayLock === true ? 0 : weightMax * BESIDE_PART;
    const max = this.heldUp > 0 ? beside : weightMax;
    let weight = 0;
    const end = this.waiting.findIndex(({ item }, place) => {
      weight += weightOf(item);
      return place > 0 && weight > max;
    });
    return this.waiting.splice(0, end === -1 ? this.waiting.length : end);
  }

  private async doAll(taken: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const answers = await this.work(taken.map(({ item }) => item));
      for (const [place, { resolve }] of taken.entries()) resolve(answers[place] as Out);
    } catch (error) {
      if (taken.length > 1 && isUndone(error))
        await Promise.all(partsOf(taken, error).map((part) => this.doAll(part)));
      else for (const { reject } of taken) reject(error);
    }
  }
}

const STATEMENT_TIMEOUT = '57014';

/** Whether the database has said no; when it says nothing, it may have written all. */
function isUndone(error: unknown): boolean {
  const state = sqlState(error);
  return state === STATEMENT_TIMEOUT || (state !== undefined && !isConnectionLost(error));
}

/** What is tried again at once: halves, or each by itself where finding the slow one would take as long again. */
function partsOf<T>(taken: readonly T[], error: unknown): (readonly T[])[] {
  if (sqlState(error) === STATEMENT_TIMEOUT) return taken.map((one) => [one]);
  const half = Math.ceil(taken.length / 2);
  return [taken.slice(0, half), taken.slice(half)];
}
