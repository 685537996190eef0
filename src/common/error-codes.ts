/**
 * Every error code the API answers with: its status and what it means to the caller.
 *
 * Codes are stable; `/docs/errors` shows this table.
 */
export const ERROR_CODES = {
  MALFORMED_JSON: { status: 400, meaning: 'The body is not valid JSON in UTF-8.' },
  VALIDATION_FAILED: {
    status: 400,
    meaning: 'A value breaks a rule. `errors` names each path, the rule and what to send instead.',
  },
  REFERENCE_NOT_FOUND: {
    status: 400,
    meaning:
      'The body refers to something that does not exist for the caller. `errors` names the path.',
  },
  INVALID_CURSOR: {
    status: 400,
    meaning:
      'The cursor was changed, or belongs to another list, filter or sort. Start from the first page.',
  },
  AMBIGUOUS_CREDENTIALS: {
    status: 400,
    meaning: 'The request carries two different credentials. Send exactly one.',
  },
  AUTHENTICATION_REQUIRED: { status: 401, meaning: 'The request carries no credential.' },
  API_KEY_INVALID: { status: 401, meaning: 'The credential is unknown or malformed.' },
  API_KEY_EXPIRED: {
    status: 401,
    meaning: 'The key was valid once and has expired or been rotated away.',
  },
  API_KEY_REVOKED: { status: 401, meaning: 'The key was revoked for good. Create a new one.' },
  API_KEY_SUSPENDED: { status: 401, meaning: 'The key, or its owner, is suspended for now.' },
  SESSION_INVALID: { status: 401, meaning: 'The session is over. Sign in again.' },
  SIGN_IN_FAILED: {
    status: 401,
    meaning:
      'The e-mail address or the password is wrong, the person is not active, or there were too many attempts for this address lately.',
  },
  LEGACY_AUTH_DISABLED: {
    status: 401,
    meaning: 'This instance no longer accepts access and secret keys. Use an API key.',
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    meaning: 'The credential lacks a scope that the route needs.',
  },
  INSUFFICIENT_ROLE: {
    status: 403,
    meaning:
      'Only an administrator of higher rank may do it: of the platform for what the whole instance shares, of all organizations of a person who belongs to several.',
  },
  SESSION_REQUIRED: { status: 403, meaning: 'Only a person who is signed in may do this, no key.' },
  CSRF_TOKEN_INVALID: {
    status: 403,
    meaning:
      'A change by a signed-in person needs the `csrfToken` of the session in `X-CSRF-Token`.',
  },
  PASSWORD_CHANGE_REQUIRED: {
    status: 403,
    meaning: 'The password was set by somebody else and must be changed before anything else.',
  },
  GRANT_EXCEEDS_OWN: {
    status: 403,
    meaning: 'Nobody grants, or takes over, a role, clearance or tier above their own.',
  },
  OWN_PASSWORD: {
    status: 403,
    meaning:
      'A signed-in person changes the own password under /api/auth/password, which asks for the current one.',
  },
  KEY_ADDRESS_NOT_ALLOWED: { status: 403, meaning: 'The key may not be used from this address.' },
  KEY_EXCEEDS_CREATOR: {
    status: 403,
    meaning: 'A key may not hold more than its creator and its owner: scopes, tier, clearance.',
  },
  CLEARANCE_TLP: {
    status: 403,
    meaning: 'The record is marked with a TLP above the clearance of the caller.',
  },
  CLEARANCE_PAP: {
    status: 403,
    meaning: 'The record is marked with a PAP above the clearance of the caller.',
  },
  AUTHOR_ONLY: {
    status: 403,
    meaning:
      'Only its author or an administrator may change or delete a comment or an event of a timeline.',
  },
  OWNER_ONLY: {
    status: 403,
    meaning: 'Only the owning organization may delete, merge or change who sees the record.',
  },
  ROUTE_NOT_FOUND: { status: 404, meaning: 'There is no such route.' },
  ALERT_NOT_FOUND: { status: 404, meaning: 'There is no such alert for the caller.' },
  CASE_NOT_FOUND: { status: 404, meaning: 'There is no such case for the caller.' },
  OBSERVABLE_NOT_FOUND: { status: 404, meaning: 'There is no such observable for the caller.' },
  TASK_NOT_FOUND: { status: 404, meaning: 'There is no such task for the caller.' },
  COMMENT_NOT_FOUND: { status: 404, meaning: 'There is no such comment for the caller.' },
  TIMELINE_EVENT_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such event in the timeline of the case for the caller.',
  },
  TTP_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such technique for the caller, in the library or on the record.',
  },
  ATTACHMENT_NOT_FOUND: { status: 404, meaning: 'There is no such attachment for the caller.' },
  ORGANIZATION_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such organization for the caller.',
  },
  TEAM_NOT_FOUND: { status: 404, meaning: 'There is no such team for the caller.' },
  USER_NOT_FOUND: { status: 404, meaning: 'There is no such user for the caller.' },
  API_KEY_NOT_FOUND: { status: 404, meaning: 'There is no such API key for the caller.' },
  STATUS_NOT_FOUND: { status: 404, meaning: 'There is no such status.' },
  OBSERVABLE_TYPE_NOT_FOUND: { status: 404, meaning: 'There is no such observable type.' },
  CLIENT_NOT_FOUND: { status: 404, meaning: 'There is no such client for the caller.' },
  CASE_TEMPLATE_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such case template for the caller.',
  },
  CUSTOM_FIELD_NOT_FOUND: { status: 404, meaning: 'There is no such custom field for the caller.' },
  TAG_NOT_FOUND: { status: 404, meaning: 'There is no such tag for the caller.' },
  SLA_CONFIG_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such SLA configuration for the caller.',
  },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'The route exists; `Allow` lists its methods.' },
  NOT_ACCEPTABLE: { status: 406, meaning: 'The route answers `application/json` only.' },
  API_KEY_STATE: {
    status: 409,
    meaning:
      'The state of the key forbids the change: a revoked key stays revoked, a rotated one was replaced.',
  },
  ALERT_EXISTS: {
    status: 409,
    meaning:
      'Under the policy `reject`: an alert with this type, source and sourceRef is there already.',
  },
  ALERT_IN_CASE: {
    status: 409,
    meaning: 'The alert is in another case already; `conflictingId` names it.',
  },
  STATUS_PROTECTED: {
    status: 409,
    meaning:
      'The server itself relies on this status: it cannot be deleted, moved to another stage or given another value.',
  },
  TTP_PROTECTED: {
    status: 409,
    meaning: 'The technique is of MITRE ATT&CK: it cannot be changed or deleted.',
  },
  OBSERVABLE_TYPE_PROTECTED: {
    status: 409,
    meaning:
      'The server itself relies on this observable type: it cannot be deleted or renamed, nor begin or cease to hold files.',
  },
  IN_USE: { status: 409, meaning: 'Records use it. Say what replaces it, or change them first.' },
  CASE_CLOSED: {
    status: 409,
    meaning: 'The case is closed. Send `?reopen=true` to open it again.',
  },
  CASE_MERGED: {
    status: 409,
    meaning:
      'A case was merged into another one and takes nothing more; `conflictingId` names it, its `primaryCaseId` the other.',
  },
  REQUIRED_FIELDS_EMPTY: {
    status: 409,
    meaning:
      'The case cannot enter a closed stage while a required custom field is empty. The detail names their keys: fill them in, in the same update if you like.',
  },
  MANDATORY_TASKS_OPEN: {
    status: 409,
    meaning:
      'The case cannot enter a closed stage while a mandatory task is open. The detail names them: complete or cancel them first.',
  },
  TIMELINE_EVENT_AUTOMATIC: {
    status: 409,
    meaning: 'The server recorded the event: only those entered by hand can be changed or deleted.',
  },
  SLA_NOT_SET: {
    status: 409,
    meaning: 'The case has no SLA. Give it a `slaConfig` or a `slaConfigId` first.',
  },
  SLA_ENDED: {
    status: 409,
    meaning: 'The case is closed, which ended the clock of its SLA. Reopen it first.',
  },
  SLA_PAUSED: { status: 409, meaning: 'The clock of the SLA is paused already.' },
  SLA_NOT_PAUSED: { status: 409, meaning: 'The clock of the SLA is running: nothing to resume.' },
  OWNERS_DIFFER: {
    status: 409,
    meaning: 'The records belong to different organizations and cannot be united.',
  },
  LAST_SUPER_ADMIN: {
    status: 409,
    meaning:
      'The last active super-admin cannot be deleted, deactivated or demoted. Make somebody else one first.',
  },
  LAST_ORGANIZATION: {
    status: 409,
    meaning: 'Everybody belongs to one organization at least.',
  },
  NOT_A_MEMBER: {
    status: 409,
    meaning: 'Only members of its organization can be in a team.',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    status: 409,
    meaning: 'The first request with this idempotency key is still running. Try again shortly.',
  },
  CONFLICT: { status: 409, meaning: 'Another record stands in the way; `conflictingId` names it.' },
  STALE_VERSION: {
    status: 412,
    meaning:
      'The record has changed since `If-Match` was read. Read it again and repeat the change.',
  },
  BODY_TOO_LARGE: { status: 413, meaning: 'The body is larger than the route takes.' },
  CASE_FILES_FULL: {
    status: 413,
    meaning:
      'With these files, those of the case and its tasks would take more than they may. Delete some first.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    meaning:
      'The route takes `Content-Type: application/json` in UTF-8, or `multipart/form-data` where it takes files.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    meaning: 'The idempotency key was used with another body. Use a new key for new work.',
  },
  RATE_LIMITED: {
    status: 429,
    meaning: 'The limit of the tier is used up. Wait for `Retry-After` seconds.',
  },
  TOO_MANY_AUTH_FAILURES: {
    status: 429,
    meaning:
      'Too many failed authentications came from this address. Wait for `Retry-After` seconds.',
  },
  INTERNAL: {
    status: 500,
    meaning: 'The server failed; the log has the cause under the request id.',
  },
  UNAVAILABLE: {
    status: 503,
    meaning:
      'The database or the store of files is not reachable, or the server is stopping. Try again after `Retry-After` seconds.',
  },
} as const satisfies Record<string, { status: number; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
