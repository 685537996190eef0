-- case links

-- CreateTable
CREATE TABLE "case_links" (
    "case_id" UUID NOT NULL,
    "other_case_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "case_links_pkey" PRIMARY KEY ("case_id","other_case_id")
);

-- CreateIndex
CREATE INDEX "case_links_other_case_id_idx" ON "case_links"("other_case_id");

-- AddForeignKey
ALTER TABLE "case_links" ADD CONSTRAINT "case_links_case_id_fkey" FOREIGN KEY ("case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "case_links" ADD CONSTRAINT "case_links_other_case_id_fkey" FOREIGN KEY ("other_case_id") REFERENCES "cases"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma cannot say.
ALTER TABLE "case_links"
  ADD CONSTRAINT "case_links_order" CHECK ("case_id" < "other_case_id"),
  ADD CONSTRAINT "case_links_kind_check" CHECK (length("kind") BETWEEN 1 AND 64);
