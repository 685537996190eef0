-- The clocks of cases, and reusable configurations for them.

-- AlterTable
ALTER TABLE "cases" ADD COLUMN     "sla_critical_at" TIMESTAMPTZ(3),
ADD COLUMN     "sla_ended_at" TIMESTAMPTZ(3),
ADD COLUMN     "sla_next_at" TIMESTAMPTZ(3),
ADD COLUMN     "sla_stops" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "sla_warning_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "sla_configs" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "config" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "sla_configs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "sla_configs_organization_id_created_at_id_idx" ON "sla_configs"("organization_id", "created_at", "id");

-- AddForeignKey
ALTER TABLE "sla_configs" ADD CONSTRAINT "sla_configs_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cases" ADD CONSTRAINT "cases_sla_config_id_fkey" FOREIGN KEY ("sla_config_id") REFERENCES "sla_configs"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma cannot say.
CREATE UNIQUE INDEX "sla_configs_name_key" ON "sla_configs" ("organization_id", lower("name")) WHERE "deleted_at" IS NULL;

ALTER TABLE "cases"
  ADD CONSTRAINT "cases_sla_status_check" CHECK ("sla_status" IN ('on-track', 'warning', 'critical', 'breached', 'paused', 'met', 'missed'));
CREATE INDEX "cases_sla_status_idx" ON "cases" ("organization_id", "sla_status", "created_at", "id") WHERE "sla_status" IS NOT NULL;
CREATE INDEX "cases_sla_deadline_idx" ON "cases" ("organization_id", coalesce("sla_deadline", 'infinity'), "id");
CREATE INDEX "cases_sla_next_idx" ON "cases" ("sla_next_at") WHERE "sla_next_at" IS NOT NULL;

-- Since when closed cases are closed, as far as is known.
UPDATE "cases" r SET "sla_stops" = jsonb_build_array(jsonb_build_object('reason', 'closed',
    'from', to_char(coalesce(r."closed_at", r."updated_at") AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'to', NULL))
  FROM "statuses" s WHERE s."id" = r."status_id" AND s."stage" = 'Closed';

-- The job computes the moments of configurations that are there already.
INSERT INTO "jobs" ("id", "kind", "key", "payload", "run_at")
  SELECT gen_random_uuid(), 'sla', 'sla:' || "id", jsonb_build_object('caseId', "id"), now()
  FROM "cases" WHERE "sla_config" IS NOT NULL AND "deleted_at" IS NULL;
