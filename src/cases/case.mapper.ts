import { labelsOf } from '../records/record-labels.js';
import type { Labels } from '../records/record-labels.js';
import type { CaseDetail } from './cases.schema.js';

/** A case as the database answers it: all but the labels. */
export type CaseDetailRow = Omit<CaseDetail, keyof Labels>;

export function toCaseDetail(row: CaseDetailRow): CaseDetail {
  return { ...row, ...labelsOf(row) };
}
