-- Lists of observables by filters, whose cost follows the page and not the table.

-- CreateIndex
CREATE INDEX "observables_created_at_id_idx" ON "observables"("created_at", "id");

-- Also finds whether a type is in use.
-- CreateIndex
CREATE INDEX "observables_type_id_organization_id_created_at_id_idx" ON "observables"("type_id", "organization_id", "created_at", "id");

CREATE INDEX "observables_ioc_idx" ON "observables" ("organization_id", "created_at", "id") WHERE "ioc" AND "deleted_at" IS NULL;
CREATE INDEX "observables_sighted_idx" ON "observables" ("organization_id", "created_at", "id") WHERE "sighted" AND "deleted_at" IS NULL;

-- Parts of values, within a tenant. Entries wait in a list until there are many, so that intake pays little for them.
CREATE INDEX "observables_text_idx" ON "observables" USING gin ("organization_id", lower("normalized" || E'\n' || "data") gin_trgm_ops) WHERE "deleted_at" IS NULL;
