-- Parts of values, with letters for punctuation: trigrams are of letters and digits, and parts of addresses have dots.

DROP INDEX "observables_text_idx";
CREATE INDEX "observables_text_idx" ON "observables" USING gin ("organization_id", replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(lower(CASE WHEN "data" = "normalized" THEN "data" ELSE "normalized" || E'\n' || "data" END), '.', 'q'), '/', 'x'), '-', 'z'), ':', 'j'), '@', 'v'), '_', 'w'), '\', 'k'), '=', 'k'), '?', 'k'), '&', 'k'), '%', 'k'), ' ', 'k') gin_trgm_ops) WHERE "deleted_at" IS NULL;
