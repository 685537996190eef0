-- attachments of tasks

-- AlterTable
ALTER TABLE "attachments" ADD COLUMN     "task_id" UUID;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "attachments"
  DROP CONSTRAINT "attachments_parent_check",
  ADD CONSTRAINT "attachments_parent_check" CHECK (num_nonnulls("alert_id", "case_id", "task_id") = 1);

CREATE INDEX "attachments_task_idx" ON "attachments" ("task_id", "created_at", "id") WHERE "task_id" IS NOT NULL AND "deleted_at" IS NULL;
