import { isConnectionLost, sqlState } from './database-errors.js';

interface Waiting<In, Out> {
  readonly item: In;
  readonly kind: string;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** What may be done at once. */
export interface TogetherRules<In> {
  /** Items of different kinds are not for one statement; without it all are of one. */
  readonly kindOf?: (item: In) => string;
  /** What an item adds to a statement; one without it. */
  readonly weightOf?: (item: In) => number;
  /** What the items of one statement weigh together, unless one alone weighs more. */
  readonly weightMax: number;
  /** Statements under way; what comes meanwhile waits for one of them, and goes with the next. */
  readonly underWayMax: number;
  /** Milliseconds after which a statement counts as held up: nothing waits for it, nor for the next. */
  readonly patienceMs: number;
  /** Likewise what they weigh while a statement is held up; nothing is for each by itself. */
  readonly heldUpWeightMax: number;
}

/**
 * Does with one statement what is asked for in one turn of the event loop, or while others are under way, as databases
 * commit: alone nothing waits, and in a crowd each costs a part.
 *
 * A statement begins after all it answers was asked, so that a reader sees what was written before it asked.
 * One that the database refuses is undone whole; its items are then tried one by one, and each fails by itself.
 */
export class Together<In, Out> {
  private waiting: Waiting<In, Out>[] = [];
  private isDue = false;
  private underWay = 0;
  private heldUp = 0;

  /** @param work does several of a kind, or nothing when it fails; answers each in their order */
  constructor(
    private readonly work: (items: readonly In[]) => Promise<readonly Out[]>,
    private readonly rules: TogetherRules<In>,
  ) {}

  do(item: In): Promise<Out> {
    const kind = this.rules.kindOf?.(item) ?? '';
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, kind, resolve, reject });
      if (this.isDue) return;
      this.isDue = true;
      setImmediate(() => {
        this.isDue = false;
        this.next();
      });
    });
  }

  private next(): void {
    const { underWayMax } = this.rules;
    while (this.waiting.length > 0 && (this.heldUp > 0 || this.underWay < underWayMax))
      this.start(this.take());
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

  /** The first that waits, with those of its kind that go with it. */
  private take(): readonly Waiting<In, Out>[] {
    const { weightOf = () => 1, weightMax, heldUpWeightMax } = this.rules;
    const max = this.heldUp > 0 ? heldUpWeightMax : weightMax;
    const taken: Waiting<In, Out>[] = [];
    const left: Waiting<In, Out>[] = [];
    let weight = 0;
    for (const one of this.waiting) {
      const isOfKind = taken[0] === undefined || one.kind === taken[0].kind;
      if (isOfKind) weight += weightOf(one.item);
      const isTaken = isOfKind && (taken.length === 0 || weight <= max);
      (isTaken ? taken : left).push(one);
    }
    this.waiting = left;
    return taken;
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
