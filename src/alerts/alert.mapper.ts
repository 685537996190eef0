import { relativeLabel, severityColor, severityLabel } from '../records/record-labels.js';
import type { Alert } from './alerts.schema.js';

type Label = 'createdAtLabel' | 'updatedAtLabel' | 'severityColor' | 'severityLabel';

/** An alert as the database answers it: all but the labels that depend on the moment and the language. */
export type AlertRow = Omit<Alert, Label>;

export function toAlert(row: AlertRow, nowMs = Date.now()): Alert {
  return {
    ...row,
    createdAtLabel: relativeLabel(row.createdAt, nowMs),
    updatedAtLabel: relativeLabel(row.updatedAt, nowMs),
    severityColor: severityColor(row.severity),
    severityLabel: severityLabel(row.severity),
  };
}
