import { z } from 'zod';
import { text } from '../common/fields.js';
import { toStatusValue } from '../statuses/statuses.service.js';

/** The tactics of MITRE ATT&CK, Enterprise, in the order of the matrix. */
export const TACTICS = [
  { id: 'TA0043', value: 'reconnaissance', name: 'Reconnaissance' },
  { id: 'TA0042', value: 'resource-development', name: 'Resource Development' },
  { id: 'TA0001', value: 'initial-access', name: 'Initial Access' },
  { id: 'TA0002', value: 'execution', name: 'Execution' },
  { id: 'TA0003', value: 'persistence', name: 'Persistence' },
  { id: 'TA0004', value: 'privilege-escalation', name: 'Privilege Escalation' },
  { id: 'TA0005', value: 'stealth', name: 'Stealth' },
  { id: 'TA0112', value: 'defense-impairment', name: 'Defense Impairment' },
  { id: 'TA0006', value: 'credential-access', name: 'Credential Access' },
  { id: 'TA0007', value: 'discovery', name: 'Discovery' },
  { id: 'TA0008', value: 'lateral-movement', name: 'Lateral Movement' },
  { id: 'TA0009', value: 'collection', name: 'Collection' },
  { id: 'TA0011', value: 'command-and-control', name: 'Command and Control' },
  { id: 'TA0010', value: 'exfiltration', name: 'Exfiltration' },
  { id: 'TA0040', value: 'impact', name: 'Impact' },
] as const;

const TACTIC_VALUES = TACTICS.map(({ value }) => value);
const VALUES_BY_ID = new Map<string, string>(TACTICS.map(({ id, value }) => [id, value]));

/** A tactic by its value, name or id, without regard to case. */
export const tacticSchema = text(64)
  .transform((tactic) => VALUES_BY_ID.get(tactic.trim().toUpperCase()) ?? toStatusValue(tactic))
  .pipe(z.enum(TACTIC_VALUES, { error: `unknown tactic; known are ${TACTIC_VALUES.join(', ')}` }))
  .meta({
    description: 'A tactic of MITRE ATT&CK: `initial-access`, `Initial Access` or `TA0001`.',
    example: 'initial-access',
  });

/** The id of a technique, which is kept and compared in capitals. */
export const techniqueIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/, 'expected the id of a technique, such as T1566.001')
  .transform((id) => id.toUpperCase())
  .meta({
    description: 'The id of a technique, without regard to case.',
    example: 'T1566.001',
  });

/** Whether only MITRE gives ids of this form, now or later. */
export function isAttackId(techniqueId: string): boolean {
  return /^TA?\d+(\.\d+)?$/.test(techniqueId);
}

/** Where MITRE describes a technique of ATT&CK. */
export function attackUrl(techniqueId: string): string {
  return `https://attack.mitre.org/techniques/${techniqueId.replace('.', '/')}`;
}
