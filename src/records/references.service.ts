import { Injectable } from '@nestjs/common';
import { sightKey } from '../access/access.js';
import type { Sight } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { referencesNotFound } from '../common/errors.js';
import { Batcher } from '../database/batcher.js';
import type { BatchRules } from '../database/batcher.js';
import { Database } from '../database/database.service.js';
import type { Sql } from '../database/sql.js';

/** The ids of other records that a body names. */
export interface References {
  readonly organizations?: readonly string[] | undefined;
  readonly teams?: readonly string[] | undefined;
  readonly tags?: readonly (number | { readonly name: string })[] | undefined;
  readonly tagsToAdd?: readonly (number | { readonly name: string })[] | undefined;
  readonly assigneeId?: string | null | undefined;
  readonly clientId?: string | null | undefined;
  readonly slaConfigId?: string | null | undefined;
}

interface FoundRow {
  readonly organizations: string[];
  readonly teams: string[];
  readonly tags: number[];
  readonly users: string[];
  readonly clients: string[];
  readonly slaConfigs: string[];
}

/** What of the named ids exists for the caller; see spec/behaviour.md §3 for who may name what. */
const FIND_REFERENCES = `
SELECT
  ARRAY(SELECT o.id::text FROM organizations o WHERE o.id = ANY($1::uuid[]) AND o.deleted_at IS NULL
        AND ($6 OR o.id = ANY($7::uuid[]) OR EXISTS (
          SELECT 1 FROM organization_links l WHERE l.organization_id = $8::uuid AND l.linked_id = o.id))) AS organizations,
  ARRAY(SELECT t.id::text FROM teams t WHERE t.id = ANY($2::uuid[]) AND t.deleted_at IS NULL
        AND ($6 OR t.organization_id = ANY($7::uuid[]))) AS teams,
  ARRAY(SELECT t.id FROM tags t WHERE t.id = ANY($3::int[])
        AND ($6 OR t.organization_id = ANY($7::uuid[]))) AS tags,
  ARRAY(SELECT u.id::text FROM users u WHERE u.id = ANY($4::uuid[]) AND u.deleted_at IS NULL AND u.status <> 'inactive'
        AND ($6 OR EXISTS (SELECT 1 FROM organization_members m
                           WHERE m.user_id = u.id AND m.organization_id = ANY($7::uuid[])))) AS users,
  ARRAY(SELECT c.id::text FROM clients c WHERE c.id = ANY($5::uuid[]) AND c.organization_id = $8::uuid) AS clients,
  ARRAY(SELECT s.id::text FROM sla_configs s WHERE s.id = ANY($9::uuid[]) AND s.organization_id = $8::uuid AND s.deleted_at IS NULL
        AND ($6 OR s.organization_id = ANY($7::uuid[]))) AS "slaConfigs"`;

/** Bodies to check, for whom, and for records of which tenant. */
interface ReferenceCheck {
  readonly sight: Sight;
  readonly ownerOrganizationId: string;
  readonly bodies: readonly References[];
}

const BATCHES: BatchRules<ReferenceCheck> = {
  keyOf: ({ sight, ownerOrganizationId }) => `${sightKey(sight)} ${ownerOrganizationId}`,
  weightOf: ({ bodies }) => bodies.length,
  weightMax: 100,
  patienceMs: 20,
};

/** Checks the ids in a body against what exists for the caller. */
@Injectable()
export class ReferencesService {
  private readonly batches = new Batcher<ReferenceCheck, string[][]>(
    (checks) => findMissing(this.database.sql, checks),
    BATCHES,
  );

  constructor(private readonly database: Database) {}

  /** The tenant that will own what the caller creates: the first it names that is its own, else the key's. */
  ownerOf(principal: Principal, organizations: readonly string[] | undefined): string {
    const own = organizations?.find(
      (id) => principal.everyOrganization || principal.organizationIds.includes(id),
    );
    return own ?? principal.organizationId;
  }

  /**
   * Asks the database once, and not at all for a body without foreign ids.
   *
   * @throws AppError `REFERENCE_NOT_FOUND` naming every path, alike for missing, deleted and foreign records.
   */
  async assertExist(
    principal: Principal,
    references: References,
    ownerOrganizationId: string,
    prefix = '',
  ): Promise<void> {
    const [missing = []] = await this.missing(principal, [references], ownerOrganizationId);
    if (missing.length === 0) return;
    throw referencesNotFound(
      missing.map((path) => (path.startsWith('tagsToAdd') ? path : prefix + path)),
    );
  }

  /** For each body the paths of the ids that mean nothing to the caller; one question for all of them. */
  async missing(
    principal: Principal,
    bodies: readonly References[],
    ownerOrganizationId: string,
  ): Promise<string[][]> {
    const check = { sight: principal, ownerOrganizationId, bodies };
    if (namesOwnOnly(check)) return bodies.map(() => []);
    if (principal.transaction === null) return this.batches.run(check);
    const [missing = []] = await findMissing(this.database.sqlFor(principal), [check]);
    return missing;
  }
}

/** The ids that bodies name, by what they are of. */
function idsIn(bodies: readonly References[]) {
  return {
    organizations: bodies.flatMap((body) => body.organizations ?? []),
    teams: bodies.flatMap((body) => body.teams ?? []),
    tags: bodies.flatMap((body) =>
      [...(body.tags ?? []), ...(body.tagsToAdd ?? [])].filter((tag) => typeof tag === 'number'),
    ),
    users: bodies.flatMap((body) => body.assigneeId ?? []),
    clients: bodies.flatMap((body) => body.clientId ?? []),
    slaConfigs: bodies.flatMap((body) => body.slaConfigId ?? []),
  };
}

/** Whether they name nothing but organizations of the caller, of which nobody need be asked. */
function namesOwnOnly({ sight, bodies }: ReferenceCheck): boolean {
  const { organizations, ...others } = idsIn(bodies);
  return (
    organizations.every((id) => sight.organizationIds.includes(id)) &&
    Object.values(others).every((ids) => ids.length === 0)
  );
}

/** What is missing of what is named by callers who see the same, for records of one tenant. */
async function findMissing(sql: Sql, checks: readonly ReferenceCheck[]): Promise<string[][][]> {
  const [first] = checks;
  if (!first) return [];
  const ids = idsIn(checks.flatMap(({ bodies }) => bodies));
  const [found] = await sql<FoundRow>(FIND_REFERENCES, [
    ids.organizations,
    ids.teams,
    ids.tags,
    ids.users,
    ids.clients,
    first.sight.everyOrganization,
    first.sight.organizationIds,
    first.ownerOrganizationId,
    ids.slaConfigs,
  ]);
  if (!found) throw new Error('A question without conditions had no answer.');
  return checks.map(({ bodies }) => bodies.map((body) => missingPaths(body, found)));
}

function missingPaths(body: References, found: FoundRow): string[] {
  const { organizations = [], teams = [], tags = [], assigneeId, clientId, slaConfigId } = body;
  const among = <T>(name: string, ids: readonly T[], known: readonly T[]) =>
    ids.flatMap((id, index) => (known.includes(id) ? [] : [`${name}[${index}]`]));
  const tagsAmong = (name: string, wanted: NonNullable<References['tags']>) =>
    wanted.flatMap((tag, index) =>
      typeof tag !== 'number' || found.tags.includes(tag) ? [] : [`${name}[${index}]`],
    );
  return [
    ...among('organizations', organizations, found.organizations),
    ...among('teams', teams, found.teams),
    ...tagsAmong('tags', tags),
    ...tagsAmong('tagsToAdd', body.tagsToAdd ?? []),
    ...(assigneeId && !found.users.includes(assigneeId) ? ['assigneeId'] : []),
    ...(clientId && !found.clients.includes(clientId) ? ['clientId'] : []),
    ...(slaConfigId && !found.slaConfigs.includes(slaConfigId) ? ['slaConfigId'] : []),
  ];
}
