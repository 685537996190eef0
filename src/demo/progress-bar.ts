const WIDTH = 32;
/** Leads a terminal to the beginning of its line, which it clears. */
const START_OF_LINE = '\r\u001b[2K';
const LINE_EVERY_SHARE = 0.1;
const DRAW_EVERY_MS = 80;

/** Where progress is told: a terminal redraws its line, everything else gets a line now and then. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Tells how far the work is, with the seconds that are left. */
export class ProgressBar {
  private readonly beganAtMs = performance.now();
  private drawnAtMs = Number.NEGATIVE_INFINITY;
  private toldShare = 0;

  constructor(
    private readonly output: ProgressOutput,
    private readonly total: number,
    private readonly what: string,
  ) {}

  tell(done: number): void {
    const share = this.total === 0 ? 1 : Math.min(1, done / this.total);
    if (this.toldShare === 1) return;
    if (this.output.isTTY) this.draw(share);
    else if (share >= this.toldShare + LINE_EVERY_SHARE || share === 1) this.line(share);
  }

  private draw(share: number): void {
    const nowMs = performance.now();
    if (share < 1 && nowMs - this.drawnAtMs < DRAW_EVERY_MS) return;
    this.drawnAtMs = nowMs;
    this.toldShare = share;
    const full = Math.round(share * WIDTH);
    const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full);
    this.output.write(`${START_OF_LINE}${bar} ${this.figures(share)}${share === 1 ? '\n' : ''}`);
  }

  private line(share: number): void {
    this.toldShare = share;
    this.output.write(`${this.figures(share)}\n`);
  }

  private figures(share: number): string {
    const ranMs = performance.now() - this.beganAtMs;
    const left =
      share > 0.02 ? `, ${Math.ceil(((ranMs / share) * (1 - share)) / 1000)} s left` : '';
    const end = share === 1 ? ` in ${(ranMs / 1000).toFixed(1)} s` : left;
    return `${String(Math.floor(share * 100)).padStart(3)} %  ${this.what}${end}`;
  }
}
