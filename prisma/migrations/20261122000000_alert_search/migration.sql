-- Finds the alert that has the same origin, for deduplication.
CREATE INDEX "alerts_origin_idx" ON "alerts" ("organization_id", "source_ref", "source", "type") WHERE "source_ref" IS NOT NULL;

-- Text search: words, prefixes and substrings in the title and the beginning of the description, within a tenant.
CREATE EXTENSION IF NOT EXISTS "pg_trgm";
CREATE EXTENSION IF NOT EXISTS "btree_gin";
CREATE INDEX "alerts_text_idx" ON "alerts" USING gin ("organization_id", lower(' ' || "title" || ' ' || left(coalesce("description", ''), 65536)) gin_trgm_ops);
CREATE INDEX "cases_text_idx" ON "cases" USING gin ("organization_id", lower(' ' || "title" || ' ' || left(coalesce("description", ''), 65536)) gin_trgm_ops);
