-- tasks

-- AlterTable
ALTER TABLE "activities" ADD COLUMN     "task_id" UUID;

-- CreateTable
CREATE TABLE "tasks" (
    "id" UUID NOT NULL,
    "case_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "status" TEXT NOT NULL DEFAULT 'open',
    "mandatory" BOOLEAN NOT NULL DEFAULT false,
    "flagged" BOOLEAN NOT NULL DEFAULT false,
    "tlp" SMALLINT NOT NULL,
    "position" INTEGER NOT NULL,
    "assignee_id" UUID,
    "due_date" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),
    "created_by_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "tasks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "task_teams" (
    "task_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,

    CONSTRAINT "task_teams_pkey" PRIMARY KEY ("task_id","team_id")
);

-- CreateIndex
CREATE INDEX "tasks_organization_id_created_at_id_idx" ON "tasks"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "task_teams_team_id_idx" ON "task_teams"("team_id");

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_assignee_id_fkey" FOREIGN KEY ("assignee_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_teams" ADD CONSTRAINT "task_teams_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_teams" ADD CONSTRAINT "task_teams_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "activities" ADD CONSTRAINT "activities_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "tasks"
  ADD CONSTRAINT "tasks_status_check" CHECK ("status" IN ('open', 'in-progress', 'under-review', 'completed', 'blocked', 'cancelled')),
  ADD CONSTRAINT "tasks_scales" CHECK ("tlp" BETWEEN 0 AND 4 AND "position" >= 0);
ALTER TABLE "activities"
  ADD CONSTRAINT "activities_task_check" CHECK ("task_id" IS NULL OR "case_id" IS NOT NULL);

CREATE INDEX "tasks_case_idx" ON "tasks" ("case_id", "position", "id") WHERE "deleted_at" IS NULL;
CREATE INDEX "tasks_assignee_idx" ON "tasks" ("assignee_id", "created_at", "id") WHERE "assignee_id" IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "tasks_due_idx" ON "tasks" ("organization_id", coalesce("due_date", 'infinity'), "id") WHERE "deleted_at" IS NULL;
CREATE INDEX "activities_task_idx" ON "activities" ("task_id", "id") WHERE "task_id" IS NOT NULL;
