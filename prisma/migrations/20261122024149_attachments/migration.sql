-- attachments

-- AlterTable
ALTER TABLE "observables" ADD COLUMN     "attachment_id" UUID;

-- CreateTable
CREATE TABLE "blobs" (
    "sha256" BYTEA NOT NULL,
    "sha1" BYTEA NOT NULL,
    "md5" BYTEA NOT NULL,
    "size" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blobs_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "blob_holds" (
    "id" UUID NOT NULL,
    "sha256" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_holds_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attachments" (
    "id" UUID NOT NULL,
    "alert_id" UUID,
    "case_id" UUID,
    "organization_id" UUID NOT NULL,
    "sha256" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "tlp" SMALLINT NOT NULL,
    "pap" SMALLINT NOT NULL,
    "created_by_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "attachments_pkey" PRIMARY KEY ("id")
);

-- AddForeignKey
ALTER TABLE "observables" ADD CONSTRAINT "observables_attachment_id_fkey" FOREIGN KEY ("attachment_id") REFERENCES "attachments"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- CreateIndex
CREATE INDEX "blob_holds_sha256_idx" ON "blob_holds"("sha256");

-- CreateIndex
CREATE INDEX "blob_holds_created_at_idx" ON "blob_holds"("created_at");

-- AddForeignKey
ALTER TABLE "blob_holds" ADD CONSTRAINT "blob_holds_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "blobs"
  ADD CONSTRAINT "blobs_digests_check" CHECK (octet_length("sha256") = 32 AND octet_length("sha1") = 20 AND octet_length("md5") = 16),
  ADD CONSTRAINT "blobs_size_check" CHECK ("size" >= 0);
ALTER TABLE "attachments"
  ADD CONSTRAINT "attachments_parent_check" CHECK (("alert_id" IS NULL) <> ("case_id" IS NULL)),
  ADD CONSTRAINT "attachments_name_check" CHECK (length("name") BETWEEN 1 AND 255),
  ADD CONSTRAINT "attachments_scales" CHECK ("tlp" BETWEEN 0 AND 4 AND "pap" BETWEEN 0 AND 4);

CREATE INDEX "attachments_alert_idx" ON "attachments" ("alert_id", "created_at", "id") WHERE "alert_id" IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "attachments_case_idx" ON "attachments" ("case_id", "created_at", "id") WHERE "case_id" IS NOT NULL AND "deleted_at" IS NULL;
-- Also finds deleted ones, which keep their content: asked at the end of every upload.
CREATE INDEX "attachments_sha256_idx" ON "attachments" ("sha256");
