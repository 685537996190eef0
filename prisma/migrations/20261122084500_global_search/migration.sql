-- The search across kinds: comments by creation, words in comments and tasks.

-- CreateIndex
CREATE INDEX "comments_organization_id_created_at_id_idx" ON "comments"("organization_id", "created_at", "id");

-- What Prisma cannot say. Entries wait in a list until there are many, so that writes pay little for them.
CREATE INDEX "tasks_text_idx" ON "tasks" USING gin ("organization_id", lower(' ' || "title" || ' ' || left(coalesce("description", ''), 65536)) gin_trgm_ops) WHERE "deleted_at" IS NULL;
CREATE INDEX "comments_text_idx" ON "comments" USING gin ("organization_id", lower(' ' || "body") gin_trgm_ops) WHERE "deleted_at" IS NULL;
