import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { insufficientScope } from '../auth/scope.guard.js';
import { hasScope } from '../auth/scopes.js';
import type { Scope } from '../auth/scopes.js';
import { Cursors, Page } from '../common/pagination.js';
import { Database } from '../database/database.service.js';
import { hashesOf } from '../observables/observable-row.js';
import { ObservableTypesService } from '../observables/observable-types.service.js';
import type { SearchPosition } from './search-candidates.queries.js';
import { textsOf, toSearchTerms } from './search-terms.js';
import type { SearchTerms } from './search-terms.js';
import { findMatches } from './search.queries.js';
import type { FoundRow } from './search.queries.js';
import { SEARCH_KINDS } from './search.schema.js';
import type { SearchHit, SearchKind, SearchQuery, SearchResult } from './search.schema.js';
import { snippetOf } from './snippet.js';

/** The scopes any of which opens a kind, which counts as what it hangs on. */
const SCOPES_OF: Readonly<Record<SearchKind, readonly Scope[]>> = {
  alert: ['alerts:read'],
  case: ['cases:read'],
  task: ['cases:read'],
  observable: ['observables:read'],
  comment: ['alerts:read', 'cases:read'],
};

/** Finds what somebody means, whatever kind it is. */
@Injectable()
export class SearchService {
  constructor(
    private readonly database: Database,
    private readonly types: ObservableTypesService,
    private readonly cursors: Cursors,
  ) {}

  /** A page of the best matches of the kinds that the caller may read. */
  async search(principal: Principal, query: SearchQuery): Promise<SearchResult> {
    const kinds = readableKinds(principal, query.kinds ?? SEARCH_KINDS);
    const after = this.cursors.decode('search', query) as SearchPosition | null;
    const types = await this.types.list(principal);
    const search = {
      terms: toSearchTerms(query.q),
      valueHashes: hashesOf(query.q, types.values()),
      after,
      limit: query.limit,
    };
    const sql = this.database.sqlFor(principal);
    const found = await Promise.all(kinds.map((kind) => findMatches(sql, principal, kind, search)));
    const ranked = found.flat().sort(byRank);
    const asOf =
      after?.[3] ??
      ranked
        .map((row) => row.asOf)
        .sort()
        .at(-1) ??
      '';
    const page = Page.of(ranked, query, null, (last) =>
      this.cursors.encode('search', query, [last.score, last.id, last.createdAt, asOf]),
    ).map((row) => toHit(row, search.terms));
    return { items: [...page.items], nextCursor: page.nextCursor };
  }
}

/** @throws AppError `INSUFFICIENT_SCOPE` when the caller may read none of them. */
function readableKinds(principal: Principal, kinds: readonly SearchKind[]): SearchKind[] {
  const asked = [...new Set(kinds)];
  const readable = asked.filter((kind) =>
    SCOPES_OF[kind].some((scope) => hasScope(principal.scopes, scope)),
  );
  if (readable.length > 0) return readable;
  const scopes = [...new Set(asked.flatMap((kind) => SCOPES_OF[kind]))];
  throw insufficientScope(principal, scopes, scopes.length > 1 ? 'one of the scopes' : 'the scope');
}

/** The best first, then the newest; no two are alike. The order that each kind is read in. */
function byRank(a: FoundRow, b: FoundRow): number {
  return b.score - a.score || compare(b.createdAt, a.createdAt) || compare(b.id, a.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function toHit(row: FoundRow, terms: SearchTerms): SearchHit {
  const { kind, id, tinyId, title, score, parent, excerpt } = row;
  const whole = { text: title, isCutBefore: false, isCutAfter: false };
  const snippet = snippetOf([excerpt, whole], textsOf(kind, terms));
  return { kind, id, tinyId, title, snippet, score, parent };
}
