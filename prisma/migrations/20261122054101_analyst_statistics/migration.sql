-- What was done in a window by whom it is assigned to: triaged alerts, closed cases, completed tasks of a tenant.
-- New alerts are in none of these.
CREATE INDEX "alerts_triaged_idx" ON "alerts" ("organization_id", least("in_progress_at", "closed_at")) WHERE "assignee_id" IS NOT NULL AND least("in_progress_at", "closed_at") IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "cases_closed_idx" ON "cases" ("organization_id", "closed_at") WHERE "assignee_id" IS NOT NULL AND "closed_at" IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "tasks_completed_idx" ON "tasks" ("organization_id", "completed_at") WHERE "assignee_id" IS NOT NULL AND "completed_at" IS NOT NULL AND "deleted_at" IS NULL;
