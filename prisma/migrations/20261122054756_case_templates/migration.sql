-- case templates

-- CreateTable
CREATE TABLE "case_templates" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "title_prefix" TEXT NOT NULL DEFAULT '',
    "description" TEXT,
    "severity" SMALLINT,
    "tlp" SMALLINT,
    "pap" SMALLINT,
    "sla_config_id" UUID,
    "custom_fields" JSONB NOT NULL,
    "tasks" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "case_templates_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "case_template_tags" (
    "case_template_id" UUID NOT NULL,
    "tag_id" INTEGER NOT NULL,

    CONSTRAINT "case_template_tags_pkey" PRIMARY KEY ("case_template_id","tag_id")
);

-- CreateTable
CREATE TABLE "case_template_teams" (
    "case_template_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,

    CONSTRAINT "case_template_teams_pkey" PRIMARY KEY ("case_template_id","team_id")
);

-- CreateIndex
CREATE INDEX "case_templates_organization_id_created_at_id_idx" ON "case_templates"("organization_id", "created_at", "id");

-- A name is taken once in a tenant, whatever its case.
CREATE UNIQUE INDEX "case_templates_name_key" ON "case_templates"("organization_id", lower("name"));

-- CreateIndex
CREATE INDEX "case_templates_sla_config_id_idx" ON "case_templates"("sla_config_id");

-- CreateIndex
CREATE INDEX "case_template_tags_tag_id_idx" ON "case_template_tags"("tag_id");

-- CreateIndex
CREATE INDEX "case_template_teams_team_id_idx" ON "case_template_teams"("team_id");

-- AddForeignKey
ALTER TABLE "case_templates" ADD CONSTRAINT "case_templates_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_templates" ADD CONSTRAINT "case_templates_sla_config_id_fkey" FOREIGN KEY ("sla_config_id") REFERENCES "sla_configs"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_template_tags" ADD CONSTRAINT "case_template_tags_case_template_id_fkey" FOREIGN KEY ("case_template_id") REFERENCES "case_templates"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_template_tags" ADD CONSTRAINT "case_template_tags_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tags"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_template_teams" ADD CONSTRAINT "case_template_teams_case_template_id_fkey" FOREIGN KEY ("case_template_id") REFERENCES "case_templates"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_template_teams" ADD CONSTRAINT "case_template_teams_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "case_templates"
  ADD CONSTRAINT "case_templates_severity_check" CHECK ("severity" BETWEEN 1 AND 4),
  ADD CONSTRAINT "case_templates_tlp_check" CHECK ("tlp" BETWEEN 0 AND 4),
  ADD CONSTRAINT "case_templates_pap_check" CHECK ("pap" BETWEEN 0 AND 4);
