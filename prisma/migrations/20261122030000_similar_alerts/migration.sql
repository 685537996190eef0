-- Finds alerts of a tenant whose titles differ only in words that hold digits, the nearest in time first.
CREATE INDEX "alerts_title_form_idx" ON "alerts" ("organization_id", left(regexp_replace(lower("title"), '\S*\d\S*', '', 'g'), 128), "created_at", "id") WHERE "deleted_at" IS NULL;
