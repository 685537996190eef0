import { useEffect, useRef, useState } from 'preact/hooks';
import { clock, counted } from './format.js';

interface HourBar {
  readonly hour: string;
  readonly value: number;
  /** The part of the value that went wrong. */
  readonly bad?: number;
}

const BAR = 4;
const GAP = 1;

/** A day in 24 bars, small enough for a table. */
export function Sparkline({
  hours,
  label,
}: {
  readonly hours: readonly HourBar[];
  readonly label: string;
}) {
  const height = 24;
  const max = Math.max(1, ...hours.map(({ value }) => value));
  const width = hours.length * (BAR + GAP) - GAP;
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    >
      {hours.map(({ hour, value, bad = 0 }, index) => {
        const x = index * (BAR + GAP);
        const full = value === 0 ? 1 : Math.max(2, (value / max) * height);
        const wrong = bad === 0 ? 0 : Math.max(2, (bad / max) * height);
        return (
          <g key={hour}>
            <rect
              class={value === 0 ? 'bar-none' : 'bar'}
              x={x}
              y={height - full}
              width={BAR}
              height={full}
            />
            {wrong > 0 && (
              <rect class="bar-bad" x={x} y={height - wrong} width={BAR} height={wrong} />
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** A day by the hour, with its scale. */
export function DayChart({
  hours,
  noun,
}: {
  readonly hours: readonly HourBar[];
  readonly noun: string;
}) {
  const [width, svg] = useWidth(720);
  const [height, left, bottom] = [180, 36, 22];
  const max = niceMax(Math.max(1, ...hours.map(({ value }) => value)));
  const step = (width - left) / Math.max(1, hours.length);
  const yOf = (value: number) => (height - bottom - 8) * (1 - value / max) + 8;
  const total = hours.reduce((sum, { value }) => sum + value, 0);
  return (
    <svg
      ref={svg}
      class="day-chart"
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${counted(total, noun)} in the last 24 hours, by the hour.`}
    >
      {[0, max / 2, max].map((value) => (
        <g key={value}>
          <line class="grid-line" x1={left} x2={width} y1={yOf(value)} y2={yOf(value)} />
          <text class="axis" x={left - 8} y={yOf(value) + 4} text-anchor="end">
            {value}
          </text>
        </g>
      ))}
      {hours.map(({ hour, value }, index) => (
        <g key={hour}>
          <rect
            class="bar"
            x={left + index * step + step * 0.15}
            y={yOf(value)}
            width={step * 0.7}
            height={Math.max(0, yOf(0) - yOf(value))}
            rx="2"
          >
            <title>{`${clock(hour)}: ${counted(value, noun)}`}</title>
          </rect>
          {index % (width < 500 ? 6 : 3) === 0 && (
            <text class="axis" x={left + (index + 0.5) * step} y={height - 5} text-anchor="middle">
              {clock(hour)}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}

/** The width at which an element is shown, so that what is drawn in it keeps its size. */
function useWidth(before: number) {
  const [width, setWidth] = useState(before);
  const element = useRef<SVGSVGElement>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) setWidth(Math.round(entry.contentRect.width));
    });
    if (element.current) observer.observe(element.current);
    return () => {
      observer.disconnect();
    };
  }, []);
  return [width, element] as const;
}

/** The next even number whose half is a whole one and whose digits are few. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((each) => each * power >= value) ?? 10;
  return Math.max(2, step * power);
}

interface Share {
  readonly key: string;
  readonly label: string;
  readonly count: number;
  /** The colour of its bar, by class. */
  readonly tone: string;
}

/** How a whole is divided: one bar a part, the longest the largest. */
export function ShareBars({ shares }: { readonly shares: readonly Share[] }) {
  const max = Math.max(1, ...shares.map((share) => share.count));
  return (
    <dl class="share-bars">
      {shares.map(({ key, label, count: amount, tone }) => (
        <div key={key}>
          <dt>{label}</dt>
          <dd>
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
              <rect class="bar-track" width="100" height="8" />
              <rect class={`tone-${tone}`} width={(amount / max) * 100} height="8" />
            </svg>
            <span class="number">{amount.toLocaleString('en')}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
