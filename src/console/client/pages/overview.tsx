import type { Alert } from '../../../alerts/alerts.schema.js';
import type { Stats } from '../../../stats/stats.schema.js';
import { PAGES } from '../../pages.js';
import { get, getPage } from '../api.js';
import { DayChart, ShareBars } from '../charts.js';
import { CopyField } from '../copy.js';
import { count, counted, fromNow, fullInstant } from '../format.js';
import { Loading, useLoaded } from '../loading.js';
import { Link, PageHeading } from '../router.js';
import { Cell, Table } from '../table.js';

/** Open, whenever it was created. */
const OPEN = 'stage=New,InProgress&from=1970-01-01T00:00:00Z';
const NEWEST = 8;

interface Overview {
  readonly alerts: Stats;
  readonly casesByStage: Stats;
  readonly casesBySla: Stats;
  readonly ingestion: Stats;
  readonly newest: readonly Alert[];
}

async function loadOverview(): Promise<Overview> {
  const [alerts, casesByStage, casesBySla, ingestion, { items: newest }] = await Promise.all([
    get<Stats>(`/api/stats/alerts?groupBy=severity&${OPEN}`),
    get<Stats>(`/api/stats/cases?groupBy=stage&${OPEN}`),
    get<Stats>(`/api/stats/cases?groupBy=slaStatus&${OPEN}`),
    get<Stats>('/api/stats/alerts?groupBy=hour'),
    getPage<Alert>(`/api/alerts?limit=${NEWEST}`),
  ]);
  return { alerts, casesByStage, casesBySla, ingestion, newest };
}

export function OverviewPage() {
  const { value, error, reload } = useLoaded(loadOverview);
  return (
    <>
      <PageHeading title="Overview">
        <button type="button" class="button" onClick={reload}>
          Refresh
        </button>
      </PageHeading>
      <Loading error={error} isThere={value !== null} retry={reload}>
        {value && (isUnused(value) ? <FirstSteps /> : <Panels overview={value} />)}
      </Loading>
    </>
  );
}

const SEVERITIES = [
  ['4', 'Critical', 'critical'],
  ['3', 'High', 'high'],
  ['2', 'Medium', 'medium'],
  ['1', 'Low', 'low'],
] as const;

const STAGES = [
  ['New', 'New', 'accent'],
  ['InProgress', 'In progress', 'accent-2'],
] as const;

const SLA = [
  ['breached', 'Breached', 'critical'],
  ['critical', 'Critical', 'high'],
  ['warning', 'Warning', 'medium'],
  ['on-track', 'On track', 'good'],
  ['paused', 'Paused', 'low'],
  ['none', 'No SLA', 'none'],
] as const;

function Panels({ overview }: { readonly overview: Overview }) {
  const { alerts, casesByStage, casesBySla, ingestion, newest } = overview;
  // The hour in which the day began is not whole.
  const hours = ingestion.groups.slice(-24);
  const busiest = hours.reduce((max, group) => Math.max(max, group.count), 0);
  return (
    <div class="overview">
      <section class="card" aria-labelledby="alerts-heading">
        <h2 id="alerts-heading">Open alerts</h2>
        <p class="figure">{count(alerts.total)}</p>
        <ShareBars shares={sharesOf(alerts, SEVERITIES)} />
      </section>
      <section class="card" aria-labelledby="cases-heading">
        <h2 id="cases-heading">Open cases</h2>
        <p class="figure">{count(casesByStage.total)}</p>
        <ShareBars shares={sharesOf(casesByStage, STAGES)} />
      </section>
      <section class="card" aria-labelledby="sla-heading">
        <h2 id="sla-heading">SLA of open cases</h2>
        <ShareBars shares={sharesOf(casesBySla, SLA)} />
      </section>
      <section class="card wide" aria-labelledby="ingestion-heading">
        <h2 id="ingestion-heading">Alerts received, last 24 hours</h2>
        <p class="hint">
          {counted(ingestion.total, 'alert')}, at most {count(busiest)} an hour
        </p>
        <DayChart
          hours={hours.map((group) => ({ hour: group.key, value: group.count }))}
          noun="alert"
        />
      </section>
      <section class="wide" aria-labelledby="newest-heading">
        <h2 id="newest-heading">Newest alerts</h2>
        <Table
          label="Newest alerts"
          columns={['Severity', 'Title', 'Status', 'Source', 'Received']}
        >
          {newest.map((alert) => (
            <tr role="row" key={alert.id}>
              <Cell label="Severity">
                <span class={`severity s${alert.severity}`}>{alert.severityLabel}</span>
              </Cell>
              <Cell label="Title" isHeading>
                <span class="name">{alert.title}</span> <span class="muted">#{alert.tinyId}</span>
              </Cell>
              <Cell label="Status">{alert.status.label}</Cell>
              <Cell label="Source">{alert.source ?? <span class="muted">None</span>}</Cell>
              <Cell label="Received">
                <time dateTime={alert.createdAt} title={fullInstant(alert.createdAt)}>
                  {fromNow(alert.createdAt)}
                </time>
              </Cell>
            </tr>
          ))}
        </Table>
      </section>
    </div>
  );
}

/** The groups in a fixed order, also those that count nothing. */
function sharesOf(
  { groups }: Stats,
  order: readonly (readonly [key: string, label: string, tone: string])[],
) {
  return order.map(([key, label, tone]) => ({
    key,
    label,
    tone,
    count: groups.find((group) => group.key === key)?.count ?? 0,
  }));
}

function isUnused({ newest, casesByStage }: Overview): boolean {
  return newest.length === 0 && casesByStage.total === 0;
}

/** What to do on an instance that has no alert yet. */
function FirstSteps() {
  const command = [
    `curl -X POST '${location.origin}/api/alerts'`,
    "-H 'Authorization: Bearer YOUR_KEY' -H 'Content-Type: application/json'",
    `-d '{"title":"My first alert","statusValue":"new","severity":2}'`,
  ].join(' \\\n  ');
  return (
    <section class="card" aria-labelledby="first-heading">
      <h2 id="first-heading">There is no alert yet</h2>
      <ol class="steps">
        <li>
          <strong>Create an API key</strong> with the scope <code>alerts:write</code> under{' '}
          <Link to={PAGES.apiKeys}>Account → API Keys</Link>.
        </li>
        <li>
          <strong>Send an alert</strong> with it, from your detection tool or from a terminal:
          <CopyField label="Command" value={command} isCode />
        </li>
        <li>
          <strong>See what else there is</strong> in the <a href="/docs">API documentation</a>, and
          try it there.
        </li>
      </ol>
    </section>
  );
}
