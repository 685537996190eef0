-- ttps

-- CreateTable
CREATE TABLE "ttps" (
    "id" UUID NOT NULL,
    "organization_id" UUID,
    "technique_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "tactics" TEXT[],
    "parent_technique_id" TEXT,
    "former_ids" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "url" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "ttps_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "record_ttps" (
    "id" UUID NOT NULL,
    "alert_id" UUID,
    "case_id" UUID,
    "ttp_id" UUID NOT NULL,
    "tactic" TEXT,
    "occurred_at" TIMESTAMPTZ(3),
    "note" TEXT NOT NULL DEFAULT '',
    "created_by_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "record_ttps_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "ttps_technique_id_idx" ON "ttps"("technique_id");

-- CreateIndex
CREATE INDEX "ttps_parent_technique_id_idx" ON "ttps"("parent_technique_id");

-- CreateIndex
CREATE INDEX "ttps_former_ids_idx" ON "ttps" USING GIN ("former_ids");

-- AddForeignKey
ALTER TABLE "ttps" ADD CONSTRAINT "ttps_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "record_ttps" ADD CONSTRAINT "record_ttps_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "record_ttps" ADD CONSTRAINT "record_ttps_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "record_ttps" ADD CONSTRAINT "record_ttps_ttp_id_fkey" FOREIGN KEY ("ttp_id") REFERENCES "ttps"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "record_ttps" ADD CONSTRAINT "record_ttps_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "record_ttps"
  ADD CONSTRAINT "record_ttps_parent_check" CHECK (num_nonnulls("alert_id", "case_id") = 1),
  ADD CONSTRAINT "record_ttps_note_check" CHECK (length("note") <= 4096);

-- An id is taken once among those of ATT&CK, and once in a tenant.
CREATE UNIQUE INDEX "ttps_technique_id_key" ON "ttps" ("organization_id", "technique_id") NULLS NOT DISTINCT WHERE "deleted_at" IS NULL;

-- A technique is on a record once with each of its tactics, and once without.
CREATE UNIQUE INDEX "record_ttps_alert_key" ON "record_ttps" ("alert_id", "ttp_id", "tactic") NULLS NOT DISTINCT WHERE "alert_id" IS NOT NULL;
CREATE UNIQUE INDEX "record_ttps_case_key" ON "record_ttps" ("case_id", "ttp_id", "tactic") NULLS NOT DISTINCT WHERE "case_id" IS NOT NULL;

-- Which records name a technique: the filters of lists ask it.
CREATE INDEX "record_ttps_ttp_alert_idx" ON "record_ttps" ("ttp_id", "alert_id") WHERE "alert_id" IS NOT NULL;
CREATE INDEX "record_ttps_ttp_case_idx" ON "record_ttps" ("ttp_id", "case_id") WHERE "case_id" IS NOT NULL;
