-- Observable types that administrators change carry an ETag, as other settings do.

-- AlterTable
ALTER TABLE "observable_types" ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1;
