import { isConnectionLost, sqlState } from './database-errors.js';

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** How much is done at once. */
export interface TogetherMax {
  /** Statements under way; what comes meanwhile waits for one of them, and goes with the next. */
  readonly underWay: number;
  /** What the items of one statement weigh together, unless one alone weighs more. */
  readonly weight: number;
  /** Milliseconds after which a statement counts as held up; others do not wait for it. */
  readonly patienceMs: number;
}

/**
 * Writes with one statement what is asked for while others are under way, as databases commit: alone nothing waits,
 * and in a crowd each costs a part.
 *
 * A statement that the database refuses is undone whole; its items are then tried one by one, and each fails by itself.
 * While one is held up, by a lock as a rule, each item is done by itself, so that what waits for the lock holds up no other.
 */
export class Together<In, Out> {
  private readonly waiting: Waiting<In, Out>[] = [];
  private underWay = 0;
  private heldUp = 0;

  /** @param work writes several, or nothing when it fails; answers each in their order */
  constructor(
    private readonly work: (items: readonly In[]) => Promise<readonly Out[]>,
    private readonly weightOf: (item: In) => number,
    private readonly max: TogetherMax,
  ) {}

  do(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.next();
    });
  }

  private next(): void {
    while (this.waiting.length > 0 && (this.heldUp > 0 || this.underWay < this.max.underWay))
      this.start(this.take());
  }

  private start(taken: readonly Waiting<In, Out>[]): void {
    let isHeldUp = false;
    const patience = setTimeout(() => {
      isHeldUp = true;
      this.heldUp++;
      this.next();
    }, this.max.patienceMs);
    this.underWay++;
    void this.doAll(taken).finally(() => {
      clearTimeout(patience);
      this.underWay--;
      if (isHeldUp) this.heldUp--;
      this.next();
    });
  }

  private take(): readonly Waiting<In, Out>[] {
    if (this.heldUp > 0) return this.waiting.splice(0, 1);
    let weight = 0;
    const end = this.waiting.findIndex(({ item }, place) => {
      weight += this.weightOf(item);
      return place > 0 && weight > this.max.weight;
    });
    return this.waiting.splice(0, end === -1 ? this.waiting.length : end);
  }

  private async doAll(taken: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const answers = await this.work(taken.map(({ item }) => item));
      for (const [place, { resolve }] of taken.entries()) resolve(answers[place] as Out);
    } catch (error) {
      if (taken.length > 1 && isUndone(error)) for (const one of taken) await this.doAll([one]);
      else for (const { reject } of taken) reject(error);
    }
  }
}

/** Whether the database has said no; when it says nothing, it may have written all. */
function isUndone(error: unknown): boolean {
  return sqlState(error) !== undefined && !isConnectionLost(error);
}
