-- deleted attachments

-- AlterTable
ALTER TABLE "attachments" ALTER COLUMN "sha256" DROP NOT NULL;

-- What Prisma cannot say.
ALTER TABLE "attachments"
  ADD CONSTRAINT "attachments_content_check" CHECK ("sha256" IS NOT NULL OR "deleted_at" IS NOT NULL);

-- Asked before a file is deleted.
CREATE INDEX "observables_attachment_idx" ON "observables" ("attachment_id") WHERE "attachment_id" IS NOT NULL;
