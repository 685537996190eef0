/** What reading and writing STIX 2.1 have in common. */

/** An object of a bundle. */
export type StixObject = Readonly<Record<string, unknown>> & {
  readonly type: string;
  readonly id: string;
};

const TLP_EXTENSION = 'extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d';

/** The marking definitions of TLP 2.0 that OASIS publishes (cti-stix-common-objects), by level. */
export const TLP_MARKINGS: readonly StixObject[] = [
  ['94868c89-83c2-464b-929b-a1a8aa3c8487', 'clear'],
  ['bab4a63c-aed9-4cf5-a766-dfca5abac2bb', 'green'],
  ['55d920b0-5e8b-4f79-9ee9-91f868d9b421', 'amber'],
  ['939a9414-2ddd-4d32-a0cd-375ea402b003', 'amber+strict'],
  ['e828b379-4e03-4974-9ac4-e53a884c97c1', 'red'],
].map(([id = '', level = '']) => ({
  type: 'marking-definition',
  spec_version: '2.1',
  id: `marking-definition--${id}`,
  created: '2022-10-01T00:00:00.000Z',
  name: `TLP:${level.toUpperCase()}`,
  extensions: { [TLP_EXTENSION]: { extension_type: 'property-extension', tlp_2_0: level } },
}));

/** Those of TLP 1.0 (STIX 2.1 §7.2.1.4), which older producers name. */
const OLD_TLP_MARKINGS: readonly (readonly [id: string, tlp: number])[] = [
  ['marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9', 0],
  ['marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da', 1],
  ['marking-definition--f88d31f6-486f-44da-b317-01333bde0b82', 2],
  ['marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed', 4],
];

const TLP_OF_MARKING = new Map<unknown, number>([
  ...TLP_MARKINGS.map(({ id }, tlp) => [id, tlp] as const),
  ...OLD_TLP_MARKINGS,
]);

/** The strictest TLP that an object is marked with; undefined when it is marked with none. */
export function tlpOf(object: StixObject): number | undefined {
  const refs = Array.isArray(object.object_marking_refs) ? object.object_marking_refs : [];
  const levels = refs.flatMap((ref: unknown) => TLP_OF_MARKING.get(ref) ?? []);
  return levels.length === 0 ? undefined : Math.max(...levels);
}

/** A value that no object of the specification holds. */
export const VALUE_TYPE = 'casebender-observable';

/** What observations tell of an observable beyond the specification, and the objects of other values. */
export const EXTENSION_ID = 'extension-definition--e5be52c7-6ad7-4542-9a73-7ef9e5bff200';
const PRODUCER_ID = 'identity--ecf51f72-79be-424c-a00e-0032b82a7b32';
const PUBLISHED = '2026-11-22T00:00:00.000Z';

/** The extension and who defines it. */
export const EXTENSION_OBJECTS: readonly StixObject[] = [
  {
    type: 'identity',
    spec_version: '2.1',
    id: PRODUCER_ID,
    created: PUBLISHED,
    modified: PUBLISHED,
    name: 'casebender-server',
    identity_class: 'system',
  },
  {
    type: 'extension-definition',
    spec_version: '2.1',
    id: EXTENSION_ID,
    created_by_ref: PRODUCER_ID,
    created: PUBLISHED,
    modified: PUBLISHED,
    name: 'CaseBender observables',
    description:
      'On observed-data: the type, value, PAP, message and marks of an observable. As casebender-observable: a value that no object of the specification holds.',
    schema: 'data_type, data, pap, ioc, sighted, ignore_similarity, message; value',
    version: '1.0.0',
    extension_types: ['property-extension', 'new-sco'],
  },
];

/** What an observation says under the extension. */
export interface ObservableExtension {
  readonly extension_type: 'property-extension';
  readonly data_type: string;
  readonly data: string;
  readonly pap: number;
  readonly ioc: boolean;
  readonly sighted: boolean;
  readonly ignore_similarity: boolean;
  readonly message?: string;
}
