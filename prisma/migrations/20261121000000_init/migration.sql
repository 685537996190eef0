-- The first schema: tenants, people, credentials, settings, alerts, cases, observables, history.

-- CreateTable
CREATE TABLE "organizations" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "organization_links" (
    "organization_id" UUID NOT NULL,
    "linked_id" UUID NOT NULL,

    CONSTRAINT "organization_links_pkey" PRIMARY KEY ("organization_id","linked_id")
);

-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "first_name" TEXT NOT NULL,
    "last_name" TEXT NOT NULL,
    "image" TEXT,
    "role" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "tlp_max" SMALLINT NOT NULL DEFAULT 4,
    "pap_max" SMALLINT NOT NULL DEFAULT 4,
    "tier_max" TEXT NOT NULL DEFAULT 'professional',
    "password_hash" TEXT,
    "must_change_password" BOOLEAN NOT NULL DEFAULT false,
    "last_seen_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "organization_members" (
    "organization_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "organization_members_pkey" PRIMARY KEY ("user_id","organization_id")
);

-- CreateTable
CREATE TABLE "teams" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "teams_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "team_members" (
    "team_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,

    CONSTRAINT "team_members_pkey" PRIMARY KEY ("team_id","user_id")
);

-- CreateTable
CREATE TABLE "credentials" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'key',
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "owner_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "created_by_id" UUID,
    "tier" TEXT NOT NULL,
    "scopes" TEXT[],
    "state" TEXT NOT NULL DEFAULT 'active',
    "expires_at" TIMESTAMPTZ(3),
    "allowed_cidrs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "tlp_max" SMALLINT NOT NULL DEFAULT 4,
    "pap_max" SMALLINT NOT NULL DEFAULT 4,
    "access_key" TEXT,
    "digest" BYTEA NOT NULL,
    "pepper_id" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "last4" TEXT NOT NULL,
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_ip" TEXT,
    "usage_count" BIGINT NOT NULL DEFAULT 0,
    "rotated_from_id" UUID,
    "grace_until" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "credentials_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential_usage" (
    "credential_id" UUID NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "requests" INTEGER NOT NULL DEFAULT 0,
    "refusals" INTEGER NOT NULL DEFAULT 0,
    "errors" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "credential_usage_pkey" PRIMARY KEY ("credential_id","hour")
);

-- CreateTable
CREATE TABLE "idempotency_records" (
    "credential_id" UUID NOT NULL,
    "method" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "body_digest" BYTEA NOT NULL,
    "status" SMALLINT NOT NULL,
    "headers" JSONB NOT NULL,
    "body" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_records_pkey" PRIMARY KEY ("credential_id","method","path","key")
);

-- CreateTable
CREATE TABLE "statuses" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "stage" TEXT NOT NULL,
    "color" TEXT NOT NULL,
    "can_delete" BOOLEAN NOT NULL DEFAULT true,
    "position" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "statuses_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tags" (
    "id" SERIAL NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "color" TEXT NOT NULL DEFAULT '#64748b',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tags_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "clients" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "custom_fields" (
    "id" UUID NOT NULL,
    "organization_id" UUID,
    "key" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "applies_to" TEXT[],
    "required" BOOLEAN NOT NULL DEFAULT false,
    "options" JSONB,
    "default_value" JSONB,
    "description" TEXT NOT NULL DEFAULT '',
    "position" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "custom_fields_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "observable_types" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "category" TEXT NOT NULL,
    "is_attachment" BOOLEAN NOT NULL DEFAULT false,
    "validation" TEXT,
    "can_delete" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "observable_types_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "alerts" (
    "id" UUID NOT NULL,
    "tiny_id" SERIAL NOT NULL,
    "organization_id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "status_id" UUID NOT NULL,
    "severity" SMALLINT NOT NULL,
    "tlp" SMALLINT NOT NULL DEFAULT 2,
    "pap" SMALLINT NOT NULL DEFAULT 2,
    "count" INTEGER NOT NULL DEFAULT 1,
    "type" TEXT,
    "source" TEXT,
    "source_ref" TEXT,
    "external_link" TEXT,
    "custom_fields" JSONB NOT NULL DEFAULT '{}',
    "ai_insights" JSONB,
    "visible_to_all_organizations" BOOLEAN NOT NULL DEFAULT false,
    "assignee_id" UUID,
    "created_by_id" UUID NOT NULL,
    "client_id" UUID,
    "case_id" UUID,
    "primary_alert_id" UUID,
    "in_progress_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "alerts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "alert_shares" (
    "alert_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "alert_shares_pkey" PRIMARY KEY ("alert_id","organization_id")
);

-- CreateTable
CREATE TABLE "alert_tags" (
    "alert_id" UUID NOT NULL,
    "tag_id" INTEGER NOT NULL,

    CONSTRAINT "alert_tags_pkey" PRIMARY KEY ("alert_id","tag_id")
);

-- CreateTable
CREATE TABLE "alert_teams" (
    "alert_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,

    CONSTRAINT "alert_teams_pkey" PRIMARY KEY ("alert_id","team_id")
);

-- CreateTable
CREATE TABLE "cases" (
    "id" UUID NOT NULL,
    "tiny_id" SERIAL NOT NULL,
    "organization_id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT,
    "status_id" UUID NOT NULL,
    "severity" SMALLINT NOT NULL,
    "tlp" SMALLINT NOT NULL DEFAULT 2,
    "pap" SMALLINT NOT NULL DEFAULT 2,
    "flag" BOOLEAN NOT NULL DEFAULT false,
    "type" TEXT,
    "source" TEXT,
    "source_ref" TEXT,
    "external_link" TEXT,
    "custom_fields" JSONB NOT NULL DEFAULT '{}',
    "extra_data" JSONB,
    "ai_insights" JSONB,
    "resolution_summary" TEXT,
    "visible_to_all_organizations" BOOLEAN NOT NULL DEFAULT false,
    "assignee_id" UUID,
    "created_by_id" UUID NOT NULL,
    "client_id" UUID,
    "primary_case_id" UUID,
    "sla_config" JSONB,
    "sla_config_id" UUID,
    "sla_deadline" TIMESTAMPTZ(3),
    "sla_status" TEXT,
    "sla_started_at" TIMESTAMPTZ(3),
    "sla_updated_at" TIMESTAMPTZ(3),
    "sla_paused_at" TIMESTAMPTZ(3),
    "in_progress_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "cases_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "case_shares" (
    "case_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "case_shares_pkey" PRIMARY KEY ("case_id","organization_id")
);

-- CreateTable
CREATE TABLE "case_tags" (
    "case_id" UUID NOT NULL,
    "tag_id" INTEGER NOT NULL,

    CONSTRAINT "case_tags_pkey" PRIMARY KEY ("case_id","tag_id")
);

-- CreateTable
CREATE TABLE "case_teams" (
    "case_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,

    CONSTRAINT "case_teams_pkey" PRIMARY KEY ("case_id","team_id")
);

-- CreateTable
CREATE TABLE "observables" (
    "id" UUID NOT NULL,
    "alert_id" UUID,
    "case_id" UUID,
    "organization_id" UUID NOT NULL,
    "type_id" INTEGER NOT NULL,
    "data" TEXT NOT NULL,
    "normalized" TEXT NOT NULL,
    "value_hash" BYTEA NOT NULL,
    "message" TEXT NOT NULL DEFAULT '',
    "tlp" SMALLINT NOT NULL DEFAULT 2,
    "pap" SMALLINT NOT NULL DEFAULT 2,
    "ioc" BOOLEAN NOT NULL DEFAULT false,
    "sighted" BOOLEAN NOT NULL DEFAULT false,
    "sighted_at" TIMESTAMPTZ(3),
    "ignore_similarity" BOOLEAN NOT NULL DEFAULT false,
    "start_date" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "observables_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "observable_tags" (
    "observable_id" UUID NOT NULL,
    "tag_id" INTEGER NOT NULL,

    CONSTRAINT "observable_tags_pkey" PRIMARY KEY ("observable_id","tag_id")
);

-- CreateTable
CREATE TABLE "activities" (
    "id" BIGSERIAL NOT NULL,
    "alert_id" UUID,
    "case_id" UUID,
    "action" TEXT NOT NULL,
    "field_name" TEXT,
    "body" TEXT NOT NULL DEFAULT '',
    "old_value" JSONB,
    "new_value" JSONB,
    "actor_kind" TEXT NOT NULL,
    "actor_id" UUID,
    "user_id" UUID,
    "username" TEXT NOT NULL,
    "tlp" SMALLINT NOT NULL DEFAULT 0,
    "pap" SMALLINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "activities_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "organization_id" UUID,
    "actor_kind" TEXT NOT NULL,
    "actor_id" UUID,
    "credential_id" UUID,
    "action" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT,
    "changes" JSONB NOT NULL DEFAULT '[]',
    "request_id" TEXT,
    "ip" TEXT,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "jobs" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT,
    "payload" JSONB NOT NULL DEFAULT '{}',
    "run_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "leased_until" TIMESTAMPTZ(3),
    "last_error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "organization_links_linked_id_idx" ON "organization_links"("linked_id");

-- CreateIndex
CREATE INDEX "users_created_at_id_idx" ON "users"("created_at", "id");

-- CreateIndex
CREATE INDEX "organization_members_organization_id_idx" ON "organization_members"("organization_id");

-- CreateIndex
CREATE INDEX "team_members_user_id_idx" ON "team_members"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "credentials_access_key_key" ON "credentials"("access_key");

-- CreateIndex
CREATE UNIQUE INDEX "credentials_digest_key" ON "credentials"("digest");

-- CreateIndex
CREATE UNIQUE INDEX "credentials_rotated_from_id_key" ON "credentials"("rotated_from_id");

-- CreateIndex
CREATE INDEX "credentials_organization_id_created_at_id_idx" ON "credentials"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "credentials_owner_id_created_at_id_idx" ON "credentials"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "idempotency_records_created_at_idx" ON "idempotency_records"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "statuses_kind_value_key" ON "statuses"("kind", "value");

-- CreateIndex
CREATE UNIQUE INDEX "observable_types_name_key" ON "observable_types"("name");

-- CreateIndex
CREATE UNIQUE INDEX "alerts_tiny_id_key" ON "alerts"("tiny_id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_created_at_id_idx" ON "alerts"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_updated_at_id_idx" ON "alerts"("organization_id", "updated_at", "id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_severity_id_idx" ON "alerts"("organization_id", "severity", "id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_tiny_id_idx" ON "alerts"("organization_id", "tiny_id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_status_id_created_at_id_idx" ON "alerts"("organization_id", "status_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "alert_shares_organization_id_created_at_alert_id_idx" ON "alert_shares"("organization_id", "created_at", "alert_id");

-- CreateIndex
CREATE INDEX "alert_tags_tag_id_idx" ON "alert_tags"("tag_id");

-- CreateIndex
CREATE INDEX "alert_teams_team_id_idx" ON "alert_teams"("team_id");

-- CreateIndex
CREATE UNIQUE INDEX "cases_tiny_id_key" ON "cases"("tiny_id");

-- CreateIndex
CREATE INDEX "cases_organization_id_created_at_id_idx" ON "cases"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "cases_organization_id_updated_at_id_idx" ON "cases"("organization_id", "updated_at", "id");

-- CreateIndex
CREATE INDEX "cases_organization_id_severity_id_idx" ON "cases"("organization_id", "severity", "id");

-- CreateIndex
CREATE INDEX "cases_organization_id_tiny_id_idx" ON "cases"("organization_id", "tiny_id");

-- CreateIndex
CREATE INDEX "cases_organization_id_status_id_created_at_id_idx" ON "cases"("organization_id", "status_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "case_shares_organization_id_created_at_case_id_idx" ON "case_shares"("organization_id", "created_at", "case_id");

-- CreateIndex
CREATE INDEX "case_tags_tag_id_idx" ON "case_tags"("tag_id");

-- CreateIndex
CREATE INDEX "case_teams_team_id_idx" ON "case_teams"("team_id");

-- CreateIndex
CREATE INDEX "observables_organization_id_value_hash_created_at_id_idx" ON "observables"("organization_id", "value_hash", "created_at", "id");

-- CreateIndex
CREATE INDEX "observables_organization_id_created_at_id_idx" ON "observables"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "observable_tags_tag_id_idx" ON "observable_tags"("tag_id");

-- CreateIndex
CREATE INDEX "activities_alert_id_id_idx" ON "activities"("alert_id", "id");

-- CreateIndex
CREATE INDEX "activities_case_id_id_idx" ON "activities"("case_id", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organization_id_at_id_idx" ON "audit_entries"("organization_id", "at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "jobs_key_key" ON "jobs"("key");

-- CreateIndex
CREATE INDEX "jobs_run_at_idx" ON "jobs"("run_at");

-- AddForeignKey
ALTER TABLE "organization_links" ADD CONSTRAINT "organization_links_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "organization_links" ADD CONSTRAINT "organization_links_linked_id_fkey" FOREIGN KEY ("linked_id") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_rotated_from_id_fkey" FOREIGN KEY ("rotated_from_id") REFERENCES "credentials"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential_usage" ADD CONSTRAINT "credential_usage_credential_id_fkey" FOREIGN KEY ("credential_id") REFERENCES "credentials"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tags" ADD CONSTRAINT "tags_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "clients" ADD CONSTRAINT "clients_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "custom_fields" ADD CONSTRAINT "custom_fields_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_status_id_fkey" FOREIGN KEY ("status_id") REFERENCES "statuses"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_assignee_id_fkey" FOREIGN KEY ("assignee_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_primary_alert_id_fkey" FOREIGN KEY ("primary_alert_id") REFERENCES "alerts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_shares" ADD CONSTRAINT "alert_shares_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_shares" ADD CONSTRAINT "alert_shares_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_tags" ADD CONSTRAINT "alert_tags_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_tags" ADD CONSTRAINT "alert_tags_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tags"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_teams" ADD CONSTRAINT "alert_teams_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_teams" ADD CONSTRAINT "alert_teams_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_status_id_fkey" FOREIGN KEY ("status_id") REFERENCES "statuses"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_assignee_id_fkey" FOREIGN KEY ("assignee_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_primary_case_id_fkey" FOREIGN KEY ("primary_case_id") REFERENCES "cases"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_shares" ADD CONSTRAINT "case_shares_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_shares" ADD CONSTRAINT "case_shares_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_tags" ADD CONSTRAINT "case_tags_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_tags" ADD CONSTRAINT "case_tags_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tags"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_teams" ADD CONSTRAINT "case_teams_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_teams" ADD CONSTRAINT "case_teams_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "observable_types"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observable_tags" ADD CONSTRAINT "observable_tags_observable_id_fkey" FOREIGN KEY ("observable_id") REFERENCES "observables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "observable_tags" ADD CONSTRAINT "observable_tags_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tags"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "activities" ADD CONSTRAINT "activities_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "activities" ADD CONSTRAINT "activities_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma cannot say: rules of the domain and uniqueness without regard to case or deletion.

ALTER TABLE "users"
  ADD CONSTRAINT "users_email_lower" CHECK ("email" = lower("email")),
  ADD CONSTRAINT "users_role" CHECK ("role" IN ('read-only', 'integration', 'analyst', 'team-lead', 'org-admin', 'super-admin')),
  ADD CONSTRAINT "users_status" CHECK ("status" IN ('active', 'inactive', 'invited')),
  ADD CONSTRAINT "users_clearance" CHECK ("tlp_max" BETWEEN 0 AND 4 AND "pap_max" BETWEEN 0 AND 4);
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email") WHERE "deleted_at" IS NULL;

CREATE UNIQUE INDEX "organizations_name_key" ON "organizations" (lower("name")) WHERE "deleted_at" IS NULL;
CREATE UNIQUE INDEX "teams_name_key" ON "teams" ("organization_id", lower("name")) WHERE "deleted_at" IS NULL;
CREATE UNIQUE INDEX "tags_name_key" ON "tags" ("organization_id", lower("name"));
CREATE UNIQUE INDEX "clients_name_key" ON "clients" ("organization_id", lower("name"));
CREATE UNIQUE INDEX "custom_fields_key_key" ON "custom_fields" ("organization_id", "key") WHERE "deleted_at" IS NULL AND "organization_id" IS NOT NULL;
CREATE UNIQUE INDEX "custom_fields_global_key_key" ON "custom_fields" ("key") WHERE "deleted_at" IS NULL AND "organization_id" IS NULL;

ALTER TABLE "organization_links"
  ADD CONSTRAINT "organization_links_two" CHECK ("organization_id" <> "linked_id");

ALTER TABLE "credentials"
  ADD CONSTRAINT "credentials_kind" CHECK ("kind" IN ('key', 'pair') AND ("kind" = 'pair') = ("access_key" IS NOT NULL)),
  ADD CONSTRAINT "credentials_state" CHECK ("state" IN ('active', 'suspended', 'revoked') AND ("state" = 'revoked') = ("revoked_at" IS NOT NULL)),
  ADD CONSTRAINT "credentials_tier" CHECK ("tier" IN ('basic', 'standard', 'professional', 'enterprise', 'unlimited')),
  ADD CONSTRAINT "credentials_scopes" CHECK (cardinality("scopes") > 0),
  ADD CONSTRAINT "credentials_clearance" CHECK ("tlp_max" BETWEEN 0 AND 4 AND "pap_max" BETWEEN 0 AND 4);

ALTER TABLE "statuses"
  ADD CONSTRAINT "statuses_kind" CHECK ("kind" IN ('alert', 'case')),
  ADD CONSTRAINT "statuses_stage" CHECK ("stage" IN ('New', 'InProgress', 'Closed')),
  ADD CONSTRAINT "statuses_value" CHECK ("value" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');

ALTER TABLE "alerts"
  ADD CONSTRAINT "alerts_scales" CHECK ("severity" BETWEEN 1 AND 4 AND "tlp" BETWEEN 0 AND 4 AND "pap" BETWEEN 0 AND 4),
  ADD CONSTRAINT "alerts_count" CHECK ("count" > 0);
CREATE INDEX "alerts_visible_to_all_idx" ON "alerts" ("created_at", "id") WHERE "visible_to_all_organizations" AND "deleted_at" IS NULL;
CREATE INDEX "alerts_case_idx" ON "alerts" ("case_id") WHERE "case_id" IS NOT NULL;
CREATE INDEX "alerts_primary_idx" ON "alerts" ("primary_alert_id") WHERE "primary_alert_id" IS NOT NULL;
CREATE INDEX "alerts_assignee_idx" ON "alerts" ("assignee_id", "created_at", "id") WHERE "assignee_id" IS NOT NULL;
CREATE INDEX "alerts_client_idx" ON "alerts" ("client_id") WHERE "client_id" IS NOT NULL;

ALTER TABLE "cases"
  ADD CONSTRAINT "cases_scales" CHECK ("severity" BETWEEN 1 AND 4 AND "tlp" BETWEEN 0 AND 4 AND "pap" BETWEEN 0 AND 4);
CREATE INDEX "cases_visible_to_all_idx" ON "cases" ("created_at", "id") WHERE "visible_to_all_organizations" AND "deleted_at" IS NULL;
CREATE INDEX "cases_primary_idx" ON "cases" ("primary_case_id") WHERE "primary_case_id" IS NOT NULL;
CREATE INDEX "cases_assignee_idx" ON "cases" ("assignee_id", "created_at", "id") WHERE "assignee_id" IS NOT NULL;
CREATE INDEX "cases_client_idx" ON "cases" ("client_id") WHERE "client_id" IS NOT NULL;

-- An observable hangs on exactly one record, which holds each value of a type once.
ALTER TABLE "observables"
  ADD CONSTRAINT "observables_one_parent" CHECK (num_nonnulls("alert_id", "case_id") = 1),
  ADD CONSTRAINT "observables_value_hash" CHECK (length("value_hash") = 16),
  ADD CONSTRAINT "observables_scales" CHECK ("tlp" BETWEEN 0 AND 4 AND "pap" BETWEEN 0 AND 4);
CREATE UNIQUE INDEX "observables_alert_value_key" ON "observables" ("alert_id", "type_id", "value_hash") WHERE "alert_id" IS NOT NULL AND "deleted_at" IS NULL;
CREATE UNIQUE INDEX "observables_case_value_key" ON "observables" ("case_id", "type_id", "value_hash") WHERE "case_id" IS NOT NULL AND "deleted_at" IS NULL;

ALTER TABLE "activities"
  ADD CONSTRAINT "activities_one_parent" CHECK (num_nonnulls("alert_id", "case_id") = 1);

-- The audit trail only grows.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER "audit_entries_append_only" BEFORE UPDATE OR DELETE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_entries_no_truncate" BEFORE TRUNCATE ON "audit_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
