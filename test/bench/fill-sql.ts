/**
 * The statements that fill a database with believable alerts, all of it inside PostgreSQL.
 *
 * Everything follows from the serial number `n` of an alert, so that every fill of one size is alike.
 * What is called rare is on ten alerts of the big organization whatever the size: what searching for
 * it costs more in a large table is the table's doing.
 */

/** Organizations by their place: the first owns most alerts, the second sees a tenth of them as a guest. */
export const ORGANIZATIONS = [
  'Northwind SOC',
  'Partner CERT',
  'Contoso Retail',
  'Fabrikam Energy',
  'Adatum Bank',
  'Litware Health',
  'Tailspin Air',
  'Proseware Media',
  'Wingtip Toys',
  'Fourth Coffee',
  'Trey Research',
  'Lucerne Foods',
];

const USERS_AN_ORGANIZATION = 12;
const TEAMS_AN_ORGANIZATION = 6;
const TAGS_AN_ORGANIZATION = 60;
const CLIENTS_AN_ORGANIZATION = 80;

/** The names by which the benchmark asks for what is rare; the fill and the requests agree on them. */
export const RARE = {
  word: 'zirconium',
  source: 'canary-token',
  sourceRef: 'rare-origin',
  type: 'deception',
  tag: 'insider',
} as const;

/** An id that can be told from its kind and place, so that statements need not look it up. */
export function fixedId(kind: number, place: number): string {
  return `01900000-0000-7000-8${String(kind).padStart(3, '0')}-${place.toString(16).padStart(12, '0')}`;
}

const KIND = { organization: 1, user: 2, team: 3, client: 4 } as const;

export const organizationId = (place: number): string => fixedId(KIND.organization, place);
export const userId = (organization: number, place: number): string =>
  fixedId(KIND.user, organization * USERS_AN_ORGANIZATION + place);
export const teamId = (organization: number, place: number): string =>
  fixedId(KIND.team, organization * TEAMS_AN_ORGANIZATION + place);
export const clientId = (organization: number, place: number): string =>
  fixedId(KIND.client, organization * CLIENTS_AN_ORGANIZATION + place);
/** The place of what is only on the ten rare alerts. */
export const RARE_PLACE = {
  user: USERS_AN_ORGANIZATION - 1,
  team: TEAMS_AN_ORGANIZATION - 1,
  client: CLIENTS_AN_ORGANIZATION - 1,
};
/** A person of the platform, in the big organization. */
export const PLATFORM_ADMIN_ID = fixedId(KIND.user, 4095);

function fixedIdSql(kind: number, place: string): string {
  return `('01900000-0000-7000-8${String(kind).padStart(3, '0')}-' || lpad(to_hex(${place}), 12, '0'))::uuid`;
}

function textArray(values: readonly string[]): string {
  return `ARRAY[${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',')}]`;
}

/** A number from 0 to below 1 that `n` and the seed decide. */
function chance(seed: number, n = 'n'): string {
  return `((hashint8extended(${n}, ${seed}) & 1073741823) / 1073741824.0::float8)`;
}

/** A place below `count`, the first ones far more often than the last. */
function skewed(seed: number, count: string | number, power = 3, n = 'n'): string {
  return `floor(${count} * ${chance(seed, n)} ^ ${power})::int`;
}

function pick(values: readonly string[], seed: number, power = 2): string {
  return `(${textArray(values)})[1 + ${skewed(seed, values.length, power)}]`;
}

function share(seed: number, steps: readonly (readonly [below: number, value: string])[]): string {
  const whens = steps.map(([below, value]) => `WHEN u < ${below} THEN ${value}`).join(' ');
  return `(SELECT CASE ${whens} END FROM (SELECT ${chance(seed)} AS u) x)`;
}

const TAGS = ['phishing', 'powershell', 'vip', 'edr', 'cloud', 'exfiltration', 'lateral-movement'];
const TYPES = ['edr', 'siem', 'email', 'network', 'cloud', 'identity', 'dlp', 'vulnerability'];
const PRODUCTS = ['sentinel', 'splunk', 'crowdstrike', 'defender', 'qradar', 'elastic', 'suricata'];
const SOURCES = PRODUCTS.flatMap((product) =>
  ['eu', 'us', 'apac', 'lab', 'dmz', 'ot'].map((zone, index) =>
    index === 0 ? product : `${product}-${zone}`,
  ),
);

const TITLES = [
  'Suspicious PowerShell on %s',
  'Failed logins for %s',
  'Impossible travel of %s',
  'Malware quarantined on %s',
  'Outbound connection to a rare domain from %s',
  'Phishing mail reported by %s',
  'Privilege escalation on %s',
  'Ransomware note written on %s',
  'New service installed on %s',
  'Brute force against %s',
  'Data upload to personal storage from %s',
  'Beaconing to command and control from %s',
];

const DETAILS = [
  'Encoded command started by **winword.exe**; parent process `explorer.exe`, user `j.doe`.',
  'The account signed in from two countries within minutes, with an unknown device and a legacy protocol.',
  'The attachment matched a detection rule for droppers and was removed from the mailbox before it was opened.',
  'A scheduled task was created that starts a script from the temporary directory at every logon.',
  'The host asked for a domain that nobody in the organization has asked for in the last thirty days.',
  'Hundreds of files were renamed in less than a minute; the volume shadow copies were deleted before.',
  'Credentials were read from the memory of `lsass.exe` by an unsigned binary.',
  'The firewall let pass 4 GB to a storage provider outside of business hours.',
];

const ENDINGS = [
  'Isolate the host and collect memory.',
  'Ask the user and reset the session.',
  'Compare with the incident of last week; the same tool set was used.',
  'No action was taken by the sensor.',
];

/** What has to be there before the alerts: organizations that may share with each other, people, tags. */
export const SETTINGS_STATEMENTS: readonly string[] = [
  `INSERT INTO organizations (id, name)
   SELECT ${fixedIdSql(KIND.organization, '(place - 1)::int')}, name
   FROM unnest(${textArray(ORGANIZATIONS)}) WITH ORDINALITY AS x(name, place)`,
  `INSERT INTO organization_links (organization_id, linked_id)
   SELECT a.id, b.id FROM organizations a JOIN organizations b ON a.id <> b.id
   WHERE '${organizationId(0)}' IN (a.id, b.id) AND a.id IN (${ownIds()}) AND b.id IN (${ownIds()})`,
  `INSERT INTO users (id, email, first_name, last_name, role, tier_max)
   SELECT ${fixedIdSql(KIND.user, 'place')}, 'analyst-' || place || '@casebender.bench',
     (${textArray(['Ada', 'Alan', 'Grace', 'Edsger', 'Barbara', 'Donald'])})[1 + place % 6], 'Analyst ' || place, 'analyst', 'unlimited'
   FROM generate_series(0, ${ORGANIZATIONS.length * USERS_AN_ORGANIZATION - 1}) place`,
  `INSERT INTO users (id, email, first_name, last_name, role, tier_max)
   VALUES ('${PLATFORM_ADMIN_ID}', 'platform@casebender.bench', 'Platform', 'Administrator', 'super-admin', 'unlimited')`,
  `INSERT INTO organization_members (organization_id, user_id)
   SELECT ${fixedIdSql(KIND.organization, `place / ${USERS_AN_ORGANIZATION}`)}, ${fixedIdSql(KIND.user, 'place')}
   FROM generate_series(0, ${ORGANIZATIONS.length * USERS_AN_ORGANIZATION - 1}) place
   UNION ALL SELECT '${organizationId(0)}', '${PLATFORM_ADMIN_ID}'`,
  `INSERT INTO teams (id, organization_id, name)
   SELECT ${fixedIdSql(KIND.team, 'place')}, ${fixedIdSql(KIND.organization, `place / ${TEAMS_AN_ORGANIZATION}`)},
     'Team ' || place FROM generate_series(0, ${ORGANIZATIONS.length * TEAMS_AN_ORGANIZATION - 1}) place`,
  `INSERT INTO clients (id, organization_id, name)
   SELECT ${fixedIdSql(KIND.client, 'place')}, ${fixedIdSql(KIND.organization, `place / ${CLIENTS_AN_ORGANIZATION}`)},
     'Client ' || place FROM generate_series(0, ${ORGANIZATIONS.length * CLIENTS_AN_ORGANIZATION - 1}) place`,
  `INSERT INTO tags (organization_id, name)
   SELECT ${fixedIdSql(KIND.organization, 'org')}, coalesce((${textArray(TAGS)})[place], 'tag-' || place)
   FROM generate_series(0, ${ORGANIZATIONS.length - 1}) org, generate_series(1, ${TAGS_AN_ORGANIZATION - 1}) place
   UNION ALL SELECT ${fixedIdSql(KIND.organization, 'org')}, '${RARE.tag}' FROM generate_series(0, ${ORGANIZATIONS.length - 1}) org`,
  // What a batch looks up by place.
  `CREATE TEMP TABLE fill_tags AS
   SELECT organization_id, array_agg(id ORDER BY id) AS ids FROM tags GROUP BY organization_id`,
  `CREATE TEMP TABLE fill_statuses AS SELECT kind, value, id, stage FROM statuses`,
];

function ownIds(): string {
  return ORGANIZATIONS.map((_, place) => `'${organizationId(place)}'`).join(',');
}

/** The alerts `$1` to `$2` of `$3`, made up; nothing is written yet. One in 200 opens a case, the next one joins it. */
const DRAFT = `
  SELECT n, place, is_rare, created_at, ${fixedIdSql(KIND.organization, 'org')} AS organization_id, org,
    uuidv7(created_at - clock_timestamp()) AS id,
    least(now(), created_at + make_interval(secs => 60 + 600000 * ${chance(20)} ^ 2)) AS handled_at,
    CASE WHEN n >= 200 AND n % 200 < 2 THEN 'imported'
      WHEN age < 0.08 THEN ${share(21, [
        [0.5, "'new'"],
        [0.7, "'in-progress'"],
        [0.85, "'false-positive'"],
        [1, "'closed'"],
      ])}
      ELSE ${share(22, [
        [0.01, "'new'"],
        [0.03, "'in-progress'"],
        [0.45, "'false-positive'"],
        [0.6, "'duplicate'"],
        [1, "'closed'"],
      ])} END AS status_value
  FROM (SELECT x.*, (($3::bigint - burst) / $3::float8) AS age, date_trunc('milliseconds', $4::timestamptz
          - make_interval(secs => 31536000 * (($3::bigint - burst) / $3::float8))) AS created_at,
        CASE WHEN is_rare OR ${chance(1, 'pair')} < 0.72 THEN 0 ELSE 1 + ${skewed(2, ORGANIZATIONS.length - 1, 1.5, 'pair')} END AS org
      FROM (SELECT n, n - n % 2 AS pair, n::int AS place,
              n % greatest($3::bigint / 10, 1) = greatest($3::bigint / 20, 1) AS is_rare,
              CASE WHEN ${chance(3, 'n / 50')} < 0.2 THEN n - n % 50 ELSE n END AS burst
            FROM generate_series($1::bigint, $2::bigint) n) x) x`;

const HOST = `'ws-' || lpad(${skewed(30, 4000, 1.5)}::text, 4, '0')`;

/** The observables of a draft `d`: a few values are everywhere, many come again now and then, half are new. */
function observable(
  type: string,
  seed: number,
  texts: { readonly common: string; readonly other: (value: string) => string },
): string {
  const value = `CASE WHEN ${chance(seed)} < 0.04 THEN (${texts.common})
      WHEN ${chance(seed)} < 0.5 THEN ${texts.other(`${skewed(seed + 1, '($3::bigint / 20 + 10)', 3)}::bigint`)}
      ELSE ${texts.other(`(1000000000 + d.n * 5 + ${seed % 5})`)} END`;
  return `SELECT '${type}' AS type, ${value} AS normalized`;
}

function common(values: readonly string[], seed: number): string {
  return pick(values, seed, 1);
}

const OBSERVABLES = [
  observable('ip', 40, {
    common: common(['8.8.8.8', '1.1.1.1', '10.0.0.1', '192.168.1.1', '9.9.9.9'], 41),
    other: (value) =>
      `host('11.0.0.0'::inet + (hashint8extended(${value}, 42) & 268435455)::bigint)`,
  }),
  observable('domain', 45, {
    common: common(['example.org', 'login.microsoftonline.com', 'raw.githubusercontent.com'], 46),
    other: (value) => `'c2-' || ${value} || '.example.net'`,
  }),
  observable('url', 50, {
    common: common(['https://example.org/', 'https://drive.google.com/uc'], 51),
    other: (value) => `'https://c2-' || ${value} || '.example.net/stage/2'`,
  }),
  observable('hash', 55, {
    common: common([`d41d8cd98f00b204e9800998ecf8427e`, '5'.repeat(64)], 56),
    other: (value) => `md5('a' || ${value}) || md5('b' || ${value})`,
  }),
  observable('hostname', 60, {
    common: common(['dc-01.corp.example.org', 'mail.corp.example.org'], 61),
    other: (value) => `'ws-' || ${value} % 100000 || '.corp.example.org'`,
  }),
].join(' UNION ALL ');

/**
 * Writes the alerts `$1` to `$2` of `$3`, the last one created at `$4`, with all that belongs to them.
 *
 * A part of the URLs and domains is stored as people send them, with brackets; `normalized` has none.
 */
export const BATCH_STATEMENT = `
WITH draft AS MATERIALIZED (${DRAFT}),
new_cases AS (
  INSERT INTO cases (id, organization_id, title, description, status_id, severity, created_by_id, assignee_id, created_at, updated_at)
  SELECT uuidv7(d.created_at - clock_timestamp()), d.organization_id, 'Investigation ' || d.n, 'Opened from an alert.', s.id, 1 + (d.n % 4)::int,
    ${fixedIdSql(KIND.user, `d.org * ${USERS_AN_ORGANIZATION}`)}, ${fixedIdSql(KIND.user, `d.org * ${USERS_AN_ORGANIZATION} + 1`)},
    d.created_at, d.handled_at
  FROM draft d JOIN fill_statuses s ON s.kind = 'case' AND s.value = CASE WHEN ${chance(70)} < 0.8 THEN 'resolved' ELSE 'in-progress' END
  WHERE d.n % 200 = 0
  RETURNING id, title, created_at),
new_alerts AS (
  INSERT INTO alerts (id, organization_id, title, description, status_id, severity, tlp, pap, count, type, source, source_ref,
    external_link, custom_fields, visible_to_all_organizations, assignee_id, created_by_id, client_id, case_id,
    in_progress_at, closed_at, created_at, updated_at, version)
  SELECT d.id, d.organization_id, format(${pick(TITLES, 80)}, upper(${HOST})),
    ${pick(DETAILS, 81, 1.5)} || E'\\n\\n' || CASE WHEN d.is_rare THEN 'Contains ${RARE.word} in the payload. ' ELSE '' END
      || 'Host ' || ${HOST} || ', rule R-' || ${skewed(82, 800)} || ', event ' || left(md5(d.n::text), 12) || '.'
      || CASE WHEN ${chance(83)} < 0.001 THEN ' Tool: mimikatz.' ELSE '' END
      || CASE WHEN ${chance(84)} < 0.5 THEN E'\\n\\n' || ${pick(DETAILS, 85, 1)} || ' ' || ${pick(ENDINGS, 86, 1)} ELSE '' END,
    s.id, ${share(87, [
      [0.4, '1'],
      [0.75, '2'],
      [0.93, '3'],
      [1, '4'],
    ])},
    ${share(88, [
      [0.03, '0'],
      [0.15, '1'],
      [0.85, '2'],
      [0.97, '3'],
      [1, '4'],
    ])},
    ${share(89, [
      [0.05, '0'],
      [0.2, '1'],
      [0.9, '2'],
      [1, '3'],
    ])},
    1 + ${skewed(90, 20, 12)},
    CASE WHEN d.is_rare THEN '${RARE.type}' ELSE ${pick(TYPES, 91)} END,
    CASE WHEN d.is_rare THEN '${RARE.source}' ELSE ${pick(SOURCES, 92, 3)} END,
    CASE WHEN d.is_rare THEN '${RARE.sourceRef}' WHEN ${chance(93)} < 0.05 THEN NULL
      ELSE 'incident-' || CASE WHEN ${chance(93)} < 0.12 THEN d.n / 8 ELSE d.n END END,
    CASE WHEN ${chance(94)} < 0.3 THEN 'https://siem.example.org/incidents/' || d.n END,
    CASE WHEN ${chance(95)} < 0.4 THEN jsonb_build_object('ticket', 'INC-' || d.n, 'businessUnit', 'BU ' || ${skewed(96, 12)}, 'riskScore', ${skewed(97, 100, 1)})
      ELSE '{}' END,
    ${chance(98)} < 0.001,
    CASE WHEN d.is_rare THEN '${userId(0, RARE_PLACE.user)}'
      WHEN ${chance(99)} < CASE d.status_value WHEN 'new' THEN 0.1 ELSE 0.8 END
      THEN ${fixedIdSql(KIND.user, `d.org * ${USERS_AN_ORGANIZATION} + ${skewed(100, USERS_AN_ORGANIZATION - 1, 2)}`)} END,
    ${fixedIdSql(KIND.user, `d.org * ${USERS_AN_ORGANIZATION}`)},
    CASE WHEN d.is_rare THEN '${clientId(0, RARE_PLACE.client)}' WHEN ${chance(101)} < 0.6
      THEN ${fixedIdSql(KIND.client, `d.org * ${CLIENTS_AN_ORGANIZATION} + ${skewed(102, CLIENTS_AN_ORGANIZATION - 1, 2)}`)} END,
    CASE WHEN d.status_value = 'imported' THEN k.id END,
    CASE WHEN d.status_value <> 'new' THEN d.handled_at END, CASE WHEN s.stage = 'Closed' THEN d.handled_at END,
    d.created_at, CASE WHEN d.status_value = 'new' THEN d.created_at ELSE d.handled_at END, CASE WHEN d.status_value = 'new' THEN 1 ELSE 2 END
  FROM draft d JOIN fill_statuses s ON s.kind = 'alert' AND s.value = d.status_value
  LEFT JOIN new_cases k ON d.n % 200 < 2 AND k.title = 'Investigation ' || (d.n - d.n % 200)
  ORDER BY d.n
  RETURNING id, title, tlp, pap, severity, status_id, tiny_id, organization_id, created_by_id, created_at, updated_at),
new_observables AS (
  INSERT INTO observables (id, alert_id, organization_id, type_id, data, normalized, value_hash, tlp, pap, ioc,
    start_date, created_by_id, created_at, updated_at)
  SELECT uuidv7(d.created_at - clock_timestamp()), d.id, d.organization_id, t.id,
    CASE WHEN o.type IN ('domain', 'url') AND ${chance(110)} < 0.1 THEN replace(o.normalized, '.example.', '[.]example.') ELSE o.normalized END,
    o.normalized, substring(sha256(convert_to(o.normalized, 'UTF8')) FOR 16), a.tlp, a.pap, ${chance(111)} < 0.1,
    d.created_at, a.created_by_id, d.created_at, d.created_at
  FROM draft d JOIN new_alerts a ON a.id = d.id
  CROSS JOIN LATERAL (${OBSERVABLES}) o JOIN observable_types t ON t.name = o.type
  ORDER BY d.n, t.id),
new_tags AS (
  INSERT INTO alert_tags (alert_id, tag_id)
  SELECT DISTINCT d.id, tags.ids[CASE WHEN d.is_rare AND k = 1 THEN ${TAGS_AN_ORGANIZATION}
    ELSE 1 + floor(${TAGS_AN_ORGANIZATION - 1} * ((hashint8extended(d.n, 120 + k) & 1048575) / 1048576.0::float8) ^ 3)::int END]
  FROM draft d JOIN fill_tags tags ON tags.organization_id = d.organization_id CROSS JOIN generate_series(1, 3) k
  WHERE k <= ${skewed(121, 4, 1)} OR (d.is_rare AND k = 1)),
new_teams AS (
  INSERT INTO alert_teams (alert_id, team_id)
  SELECT d.id, ${fixedIdSql(
    KIND.team,
    `d.org * ${TEAMS_AN_ORGANIZATION} + CASE WHEN d.is_rare THEN ${RARE_PLACE.team} ELSE ${skewed(130, TEAMS_AN_ORGANIZATION - 1, 2)} END`,
  )}
  FROM draft d WHERE d.is_rare OR ${chance(131)} < 0.45),
new_shares AS (
  INSERT INTO alert_shares (alert_id, organization_id, created_at, updated_at, severity, tiny_id, status_id)
  SELECT a.id, ${fixedIdSql(KIND.organization, 'guest')}, a.created_at, a.updated_at, a.severity, a.tiny_id, a.status_id
  FROM draft d JOIN new_alerts a ON a.id = d.id
  CROSS JOIN LATERAL (SELECT CASE WHEN d.org = 0 AND ${chance(140)} < 0.139 THEN 1
    WHEN d.org > 0 AND ${chance(140)} < 0.03 THEN 0 END AS guest) x WHERE guest IS NOT NULL),
new_activities AS (
  INSERT INTO activities (alert_id, action, body, tlp, pap, actor_kind, user_id, username, created_at)
  SELECT a.id, 'created', a.title, a.tlp, a.pap, 'apiKey', a.created_by_id, 'Ada Analyst', a.created_at FROM new_alerts a)
SELECT count(*)::int AS written FROM new_alerts`;
