import { labelsOf } from '../records/record-labels.js';
import type { Labels } from '../records/record-labels.js';
import type { Alert } from './alerts.schema.js';

/** An alert as the database answers it: all but the labels. */
export type AlertRow = Omit<Alert, keyof Labels>;

export function toAlert(row: AlertRow): Alert {
  return { ...row, ...labelsOf(row) };
}
