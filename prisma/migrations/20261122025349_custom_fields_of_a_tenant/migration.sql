-- A custom field belongs to one tenant. No version could declare one for the whole instance.

DELETE FROM "custom_fields" WHERE "organization_id" IS NULL;

ALTER TABLE "custom_fields" DROP CONSTRAINT "custom_fields_organization_id_fkey";
ALTER TABLE "custom_fields" ALTER COLUMN "organization_id" SET NOT NULL;
ALTER TABLE "custom_fields" ADD CONSTRAINT "custom_fields_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

DROP INDEX "custom_fields_global_key_key";
DROP INDEX "custom_fields_key_key";
CREATE UNIQUE INDEX "custom_fields_key_key" ON "custom_fields" ("organization_id", "key") WHERE "deleted_at" IS NULL;

ALTER TABLE "custom_fields"
  ADD CONSTRAINT "custom_fields_type" CHECK ("type" IN ('text', 'text-area', 'number', 'date', 'select', 'multi-select', 'checkbox', 'radio', 'url', 'phone')),
  ADD CONSTRAINT "custom_fields_applies_to" CHECK (cardinality("applies_to") > 0 AND "applies_to" <@ ARRAY['alert', 'case', 'task']);
