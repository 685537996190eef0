import type { Target } from './requests.js';
import type { Score } from './load.js';

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A figure beside its target. */
export interface Line {
  readonly what: string;
  readonly ours: number;
  readonly bare: number | null;
  readonly unit: string;
  readonly target: string;
  /** Null for what has no target. */
  readonly pass: boolean | null;
}

/** What the server does in a second, against the bare server. */
export function ratioLine(
  what: string,
  ours: Score,
  bare: Score,
  targetPercent: number | null,
): Line {
  return {
    what,
    ours: ours.perSecond,
    bare: bare.perSecond,
    unit: 'requests/s',
    target: targetPercent === null ? '' : `≥ ${targetPercent} %`,
    pass: targetPercent === null ? null : ours.perSecond / bare.perSecond >= targetPercent / 100,
  };
}

/** A figure that must not be above a limit. */
export function limitLine(what: string, ours: number, unit: string, max: number): Line {
  return { what, ours, bare: null, unit, target: `≤ ${max} ${unit}`, pass: ours <= max };
}

/** The figures against the bare server as a table. */
export function ratesTable(lines: readonly Line[]): string {
  const number = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  const cells = lines.map(({ what, ours, bare, unit, target, pass }) => [
    what,
    `${number(ours)} ${unit}`,
    bare === null ? '' : number(bare),
    bare === null ? '' : `${((100 * ours) / bare).toFixed(0)} %`,
    target,
    pass === null ? '' : pass ? 'pass' : 'MISS',
  ]);
  return aligned(
    [['', 'ours', 'bare', 'ratio', 'target', ''], ...cells],
    (column) => column > 0 && column < 4,
  );
}

/** The cells in columns, to the right where asked for. */
export function aligned(
  rows: readonly (readonly string[])[],
  isRight: (column: number) => boolean,
): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths?.[column] ?? 0;
          return isRight(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** How long a request took, in milliseconds. */
export interface Timing {
  readonly median: number;
  readonly p95: number;
}

/** A request at both sizes. */
export interface SizedLine {
  readonly name: string;
  readonly caller: string;
  readonly small: Timing;
  readonly large: Timing;
  readonly target: Target | null;
}

/** Why a request misses its target; empty when it does not. */
export function missOf({ small, large, target }: SizedLine): string {
  if (!target) return '';
  const { ratioMax, medianMsMax, p95MsMax } = target;
  const isMissed =
    (ratioMax !== undefined && large.median / small.median > ratioMax) ||
    (medianMsMax !== undefined && large.median > medianMsMax) ||
    (p95MsMax !== undefined && large.p95 > p95MsMax);
  return isMissed ? 'MISS' : 'pass';
}

function targetText({ ratioMax, medianMsMax, p95MsMax }: Target): string {
  return [
    ratioMax === undefined ? '' : `≤ ${ratioMax} ×`,
    medianMsMax === undefined ? '' : `median ≤ ${medianMsMax} ms`,
    p95MsMax === undefined ? '' : `p95 ≤ ${p95MsMax} ms`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}

/** The figures at both sizes as a table. */
export function scaleTable(
  lines: readonly SizedLine[],
  sizes: readonly [small: number, large: number],
): string {
  const ms = (value: number) => value.toFixed(1);
  const cells = lines.map((line) => [
    line.name,
    line.caller,
    ms(line.small.median),
    ms(line.small.p95),
    ms(line.large.median),
    ms(line.large.p95),
    (line.large.median / line.small.median).toFixed(2),
    line.target ? targetText(line.target) : '',
    missOf(line),
  ]);
  const head = [
    'ms',
    'caller',
    `median at ${sizes[0]}`,
    'p95',
    `median at ${sizes[1]}`,
    'p95',
    'ratio',
    'target',
    '',
  ];
  return aligned([head, ...cells], (column) => column > 1 && column < 7);
}
