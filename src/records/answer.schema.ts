import { z } from 'zod';

/** `{ id, name }` of a team or an organization. */
export const namedSchema = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Named' });

export type Named = z.output<typeof namedSchema>;

export const tagAnswerSchema = z
  .object({ id: z.int(), name: z.string(), color: z.string() })
  .meta({ id: 'Tag' });

export type Tag = z.output<typeof tagAnswerSchema>;

export const statusSchema = z
  .object({
    id: z.string(),
    stage: z.enum(['New', 'InProgress', 'Closed']),
    label: z.string(),
    color: z.string(),
    value: z.string(),
    canDelete: z.boolean(),
  })
  .meta({ id: 'Status' });

/** A person as records show them [C]. */
export const userSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    firstName: z.string(),
    lastName: z.string(),
    image: z.string().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().nullable(),
    status: z.enum(['active', 'inactive', 'invited']),
  })
  .meta({ id: 'User' });

export const observableSchema = z
  .object({
    id: z.string(),
    caseId: z.string().nullable(),
    alertId: z.string().nullable(),
    createdById: z.string(),
    createdAt: z.iso.datetime(),
    observableTypeId: z.int(),
    data: z.string(),
    startDate: z.iso.datetime(),
    tlp: z.int(),
    dataType: z.string(),
    pap: z.int(),
    ioc: z.boolean(),
    sighted: z.boolean(),
    sightedAt: z.iso.datetime().nullable(),
    ignoreSimilarity: z.boolean(),
    message: z.string(),
    tags: z.array(tagAnswerSchema),
    attachment: z
      .object({
        id: z.string(),
        name: z.string(),
        size: z.int(),
        contentType: z.string(),
        sha256: z.string(),
        sha1: z.string(),
        md5: z.string(),
      })
      .nullable(),
    updatedAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'Observable' });

export type Observable = z.output<typeof observableSchema>;
