-- audit chains

-- DropIndex
DROP INDEX "audit_entries_organization_id_at_id_idx";

-- AlterTable
ALTER TABLE "audit_entries" ADD COLUMN     "chain_id" INTEGER,
ADD COLUMN     "hash" BYTEA,
ADD COLUMN     "previous_hash" BYTEA,
ADD COLUMN     "seq" BIGINT;

-- CreateTable
CREATE TABLE "audit_chains" (
    "id" SERIAL NOT NULL,
    "organization_id" UUID,
    "seq" BIGINT NOT NULL DEFAULT 0,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_chains_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
-- What belongs to no organization has one chain as well.
CREATE UNIQUE INDEX "audit_chains_organization_id_key" ON "audit_chains"("organization_id") NULLS NOT DISTINCT;

ALTER TABLE "audit_chains"
  ADD CONSTRAINT "audit_chains_hash" CHECK (octet_length("hash") = 32);
ALTER TABLE "audit_entries"
  ADD CONSTRAINT "audit_entries_seal" CHECK (
    num_nonnulls("chain_id", "seq", "previous_hash", "hash") IN (0, 4)
    AND octet_length("previous_hash") = 32 AND octet_length("hash") = 32);

-- What is to be sealed. Writers keep no other index than this and the key: the rest hold what is sealed.
CREATE INDEX "audit_entries_unsealed_idx" ON "audit_entries" ("at", "id") WHERE "chain_id" IS NULL;
CREATE UNIQUE INDEX "audit_entries_chain_key" ON "audit_entries" ("chain_id", "seq") WHERE "chain_id" IS NOT NULL;
-- The lists, for each filter in their order.
CREATE INDEX "audit_entries_at_idx" ON "audit_entries" ("chain_id", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_actor_idx" ON "audit_entries" ("chain_id", "actor_id", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_credential_idx" ON "audit_entries" ("chain_id", "credential_id", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_action_idx" ON "audit_entries" ("chain_id", "action", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_target_kind_idx" ON "audit_entries" ("chain_id", "target_kind", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_target_idx" ON "audit_entries" ("chain_id", "target_id", "at", "id") WHERE "chain_id" IS NOT NULL;
CREATE INDEX "audit_entries_request_idx" ON "audit_entries" ("chain_id", "request_id", "at", "id") WHERE "chain_id" IS NOT NULL;

-- An entry is inserted, sealed once, and never touched again; also not by replication.
DROP TRIGGER "audit_entries_append_only" ON "audit_entries";
DROP TRIGGER "audit_entries_no_truncate" ON "audit_entries";

CREATE FUNCTION "only_seal"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sealed audit_entries := OLD;
BEGIN
  sealed.chain_id := NEW.chain_id;
  sealed.seq := NEW.seq;
  sealed.previous_hash := NEW.previous_hash;
  sealed.hash := NEW.hash;
  IF OLD.chain_id IS NOT NULL OR NEW.chain_id IS NULL OR sealed IS DISTINCT FROM NEW THEN
    RAISE EXCEPTION 'audit entry % is never changed, only sealed once', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER "audit_entries_only_sealed" BEFORE UPDATE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "only_seal"();
CREATE TRIGGER "audit_entries_not_deleted" BEFORE DELETE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_entries_not_truncated" BEFORE TRUNCATE ON "audit_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
ALTER TABLE "audit_entries" ENABLE ALWAYS TRIGGER "audit_entries_only_sealed";
ALTER TABLE "audit_entries" ENABLE ALWAYS TRIGGER "audit_entries_not_deleted";
ALTER TABLE "audit_entries" ENABLE ALWAYS TRIGGER "audit_entries_not_truncated";

-- The end of a chain only moves on.
CREATE FUNCTION "only_advance"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id <> OLD.id OR NEW.organization_id IS DISTINCT FROM OLD.organization_id OR NEW.seq <= OLD.seq THEN
    RAISE EXCEPTION 'the end of audit chain % only moves on', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER "audit_chains_only_advance" BEFORE UPDATE ON "audit_chains"
  FOR EACH ROW EXECUTE FUNCTION "only_advance"();
CREATE TRIGGER "audit_chains_not_deleted" BEFORE DELETE ON "audit_chains"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_chains_not_truncated" BEFORE TRUNCATE ON "audit_chains"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
ALTER TABLE "audit_chains" ENABLE ALWAYS TRIGGER "audit_chains_only_advance";
ALTER TABLE "audit_chains" ENABLE ALWAYS TRIGGER "audit_chains_not_deleted";
ALTER TABLE "audit_chains" ENABLE ALWAYS TRIGGER "audit_chains_not_truncated";

-- What privileges can say as well, to a server that is no superuser: its own tables, too.
REVOKE UPDATE, DELETE, TRUNCATE ON "audit_entries", "audit_chains" FROM PUBLIC, CURRENT_USER;
GRANT UPDATE ("chain_id", "seq", "previous_hash", "hash") ON "audit_entries" TO CURRENT_USER;
GRANT UPDATE ("seq", "hash") ON "audit_chains" TO CURRENT_USER;
