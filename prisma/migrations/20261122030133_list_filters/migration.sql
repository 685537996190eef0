-- Lists by filters whose cost follows the page and not the table: each of these holds a value's records by creation.

-- CreateIndex
CREATE INDEX "alerts_organization_id_source_created_at_id_idx" ON "alerts"("organization_id", "source", "created_at", "id");

-- CreateIndex
CREATE INDEX "alerts_organization_id_type_created_at_id_idx" ON "alerts"("organization_id", "type", "created_at", "id");

-- CreateIndex
CREATE INDEX "alerts_created_at_id_idx" ON "alerts"("created_at", "id");

-- CreateIndex
CREATE INDEX "cases_created_at_id_idx" ON "cases"("created_at", "id");

-- The list of a client's records; the column alone serves the reference as before.
DROP INDEX "alerts_client_idx";
CREATE INDEX "alerts_client_idx" ON "alerts" ("client_id", "created_at", "id") WHERE "client_id" IS NOT NULL;
DROP INDEX "cases_client_idx";
CREATE INDEX "cases_client_idx" ON "cases" ("client_id", "created_at", "id") WHERE "client_id" IS NOT NULL;
