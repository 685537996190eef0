-- What a share repeats of its record, so that lists of guests are read in order whatever they are sorted by.

ALTER TABLE "alert_shares"
  ADD COLUMN "updated_at" TIMESTAMPTZ(3),
  ADD COLUMN "severity" SMALLINT,
  ADD COLUMN "tiny_id" INTEGER,
  ADD COLUMN "status_id" UUID;

UPDATE alert_shares share SET updated_at = r.updated_at, severity = r.severity, tiny_id = r.tiny_id, status_id = r.status_id
FROM alerts r WHERE r.id = share.alert_id;

ALTER TABLE "alert_shares"
  ALTER COLUMN "updated_at" SET NOT NULL,
  ALTER COLUMN "severity" SET NOT NULL,
  ALTER COLUMN "tiny_id" SET NOT NULL,
  ALTER COLUMN "status_id" SET NOT NULL;

CREATE FUNCTION copy_to_alert_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alert_shares SET created_at = NEW.created_at, updated_at = NEW.updated_at, severity = NEW.severity,
    tiny_id = NEW.tiny_id, status_id = NEW.status_id
  WHERE alert_id = NEW.id;
  RETURN NULL;
END $$;

CREATE TRIGGER copy_to_shares AFTER UPDATE ON alerts FOR EACH ROW
WHEN ((OLD.created_at, OLD.updated_at, OLD.severity, OLD.tiny_id, OLD.status_id)
  IS DISTINCT FROM (NEW.created_at, NEW.updated_at, NEW.severity, NEW.tiny_id, NEW.status_id))
EXECUTE FUNCTION copy_to_alert_shares();

ALTER TABLE "case_shares"
  ADD COLUMN "updated_at" TIMESTAMPTZ(3),
  ADD COLUMN "severity" SMALLINT,
  ADD COLUMN "tiny_id" INTEGER,
  ADD COLUMN "status_id" UUID;

UPDATE case_shares share SET updated_at = r.updated_at, severity = r.severity, tiny_id = r.tiny_id, status_id = r.status_id
FROM cases r WHERE r.id = share.case_id;

ALTER TABLE "case_shares"
  ALTER COLUMN "updated_at" SET NOT NULL,
  ALTER COLUMN "severity" SET NOT NULL,
  ALTER COLUMN "tiny_id" SET NOT NULL,
  ALTER COLUMN "status_id" SET NOT NULL;

CREATE FUNCTION copy_to_case_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE case_shares SET created_at = NEW.created_at, updated_at = NEW.updated_at, severity = NEW.severity,
    tiny_id = NEW.tiny_id, status_id = NEW.status_id
  WHERE case_id = NEW.id;
  RETURN NULL;
END $$;

CREATE TRIGGER copy_to_shares AFTER UPDATE ON cases FOR EACH ROW
WHEN ((OLD.created_at, OLD.updated_at, OLD.severity, OLD.tiny_id, OLD.status_id)
  IS DISTINCT FROM (NEW.created_at, NEW.updated_at, NEW.severity, NEW.tiny_id, NEW.status_id))
EXECUTE FUNCTION copy_to_case_shares();

-- CreateIndex
CREATE INDEX "alert_shares_organization_id_updated_at_alert_id_idx" ON "alert_shares"("organization_id", "updated_at", "alert_id");

-- CreateIndex
CREATE INDEX "alert_shares_organization_id_severity_alert_id_idx" ON "alert_shares"("organization_id", "severity", "alert_id");

-- CreateIndex
CREATE INDEX "alert_shares_organization_id_tiny_id_alert_id_idx" ON "alert_shares"("organization_id", "tiny_id", "alert_id");

-- CreateIndex
CREATE INDEX "alert_shares_organization_id_status_id_created_at_alert_id_idx" ON "alert_shares"("organization_id", "status_id", "created_at", "alert_id");

-- CreateIndex
CREATE INDEX "case_shares_organization_id_updated_at_case_id_idx" ON "case_shares"("organization_id", "updated_at", "case_id");

-- CreateIndex
CREATE INDEX "case_shares_organization_id_severity_case_id_idx" ON "case_shares"("organization_id", "severity", "case_id");

-- CreateIndex
CREATE INDEX "case_shares_organization_id_tiny_id_case_id_idx" ON "case_shares"("organization_id", "tiny_id", "case_id");

-- CreateIndex
CREATE INDEX "case_shares_organization_id_status_id_created_at_case_id_idx" ON "case_shares"("organization_id", "status_id", "created_at", "case_id");
