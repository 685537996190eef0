-- keys of contents

-- AlterTable
-- Contents that are there stay where they are: under their digest.
ALTER TABLE "blobs" ADD COLUMN     "key" TEXT;
UPDATE "blobs" SET "key" = encode("sha256", 'hex');
ALTER TABLE "blobs" ALTER COLUMN "key" SET NOT NULL;

-- CreateTable
CREATE TABLE "blob_removals" (
    "key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_removals_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "blob_removals_created_at_idx" ON "blob_removals"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "blobs_key_key" ON "blobs"("key");
