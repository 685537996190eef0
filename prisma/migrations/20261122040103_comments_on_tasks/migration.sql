-- comments on tasks

-- AlterTable
ALTER TABLE "comments" ADD COLUMN     "task_id" UUID;

-- AddForeignKey
ALTER TABLE "comments" ADD CONSTRAINT "comments_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "comments"
  DROP CONSTRAINT "comments_parent_check",
  ADD CONSTRAINT "comments_parent_check" CHECK (num_nonnulls("alert_id", "case_id", "task_id") = 1);

CREATE INDEX "comments_task_idx" ON "comments" ("task_id", "created_at", "id") WHERE "task_id" IS NOT NULL AND "deleted_at" IS NULL;
