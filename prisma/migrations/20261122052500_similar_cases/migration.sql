-- Finds cases of a tenant whose titles differ only in words that hold digits, the nearest in time first.
CREATE INDEX "cases_title_form_idx" ON "cases" ("organization_id", left(regexp_replace(lower("title"), '\S*\d\S*', '', 'g'), 128), "created_at", "id") WHERE "deleted_at" IS NULL;

-- Finds the newest cases that hold a value, however many alerts hold it too.
CREATE INDEX "observables_case_sightings_idx" ON "observables" ("organization_id", "value_hash", "created_at", "id") WHERE "case_id" IS NOT NULL AND "deleted_at" IS NULL;
