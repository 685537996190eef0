import { relativeLabel, severityColor, severityLabel } from '../records/record-labels.js';
import type { CaseDetail } from './cases.schema.js';

type Label = 'createdAtLabel' | 'updatedAtLabel' | 'severityColor' | 'severityLabel';

/** A case as the database answers it: all but the labels that depend on the moment and the language. */
export type CaseDetailRow = Omit<CaseDetail, Label>;

type Labelled = Pick<CaseDetail, 'createdAt' | 'updatedAt' | 'severity'>;

/** Adds the labels to a case, whichever shape it has. */
export function withLabels<Row extends Labelled>(
  row: Row,
  nowMs = Date.now(),
): Row & Pick<CaseDetail, Label> {
  return {
    ...row,
    severityColor: severityColor(row.severity),
    severityLabel: severityLabel(row.severity),
    createdAtLabel: relativeLabel(row.createdAt, nowMs),
    updatedAtLabel: relativeLabel(row.updatedAt, nowMs),
  };
}
