import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { Database } from '../database/database.service.js';
import { ALERT_GROUPS, CASE_GROUPS, TASK_GROUPS } from './stats-groupings.js';
import type { Grouping } from './stats-groupings.js';
import { daysIn, hoursIn, windowOf } from './stats-window.js';
import type { StatsWindow } from './stats-window.js';
import { ALERTS, CASES, TASKS, countCreated, countDone } from './stats.queries.js';
import type { Kind } from './stats.queries.js';
import type {
  AlertStatsQuery,
  AnalystStats,
  AnalystStatsQuery,
  CaseStatsQuery,
  Stats,
  TaskStatsQuery,
} from './stats.schema.js';

/** What a team lead asks: how much there was, of what kind, and how long it took. */
@Injectable()
export class StatsService {
  constructor(private readonly database: Database) {}

  alerts(principal: Principal, query: AlertStatsQuery): Promise<Stats> {
    return this.created(principal, ALERTS, query, ALERT_GROUPS[query.groupBy]);
  }

  cases(principal: Principal, query: CaseStatsQuery): Promise<Stats> {
    return this.created(principal, CASES, query, CASE_GROUPS[query.groupBy]);
  }

  tasks(principal: Principal, query: TaskStatsQuery): Promise<Stats> {
    return this.created(principal, TASKS, query, TASK_GROUPS[query.groupBy]);
  }

  async analysts(principal: Principal, query: AnalystStatsQuery): Promise<AnalystStats> {
    const window = windowOf(query, Date.now());
    const sql = this.database.sqlFor(principal);
    const { total, groups, times } = await countDone(sql, principal, window, query.groupBy);
    const nothing = { count: 0, alertsTriaged: 0, casesClosed: 0, tasksCompleted: 0 };
    const shown =
      query.groupBy === 'day'
        ? each(daysIn(window), groups, { ...nothing, openCases: null })
        : labelled(groups);
    return { ...window, total, groups: shown, times };
  }

  private async created(
    principal: Principal,
    kind: Kind,
    query: AlertStatsQuery | CaseStatsQuery | TaskStatsQuery,
    grouping: Grouping,
  ): Promise<Stats> {
    const window = windowOf(query, Date.now());
    const sql = this.database.sqlFor(principal);
    const stages = 'stage' in query ? query.stage : undefined;
    const { total, groups, times } = await countCreated(
      sql,
      principal,
      kind,
      window,
      grouping,
      stages,
    );
    return { ...window, total, groups: shownOf(query.groupBy, window, groups, grouping), times };
  }
}

interface Group {
  readonly key: string;
  readonly label: string | null;
}

/** The groups with a label each, also where the database knows no name. */
function labelled<G extends Group>(
  groups: readonly G[],
  labelOf = (key: string) => (key === 'none' ? 'None' : key),
): (G & { readonly label: string })[] {
  return groups.map((group) => ({ ...group, label: group.label ?? labelOf(group.key) }));
}

/** The groups as they are shown: of a time each one, else those that there are. */
function shownOf(
  groupBy: string,
  window: StatsWindow,
  groups: readonly (Group & { readonly count: number })[],
  { labelOf }: Grouping,
) {
  if (groupBy === 'day') return each(daysIn(window), groups, { count: 0 });
  if (groupBy === 'hour') return each(hoursIn(window), groups, { count: 0 });
  return labelled(groups, labelOf);
}

/** A group for each of the keys, with `nothing` where there was none. */
function each<G extends Group>(
  keys: readonly string[],
  groups: readonly G[],
  nothing: Omit<G, keyof Group>,
): (Omit<G, keyof Group> & { readonly key: string; readonly label: string })[] {
  const found = new Map(groups.map((group) => [group.key, group]));
  return keys.map((key) => ({ ...nothing, ...found.get(key), key, label: key }));
}
