import { HttpStatus } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { observableSchema } from '../records/answer.schema.js';
import type { Observable } from '../records/answer.schema.js';

/** What a creation answers: the observables in the order sent, and whether any is new. */
export interface CreatedObservables {
  readonly observables: readonly Observable[];
  readonly isNew: boolean;
}

export const createdSchema = z.union([observableSchema, z.array(observableSchema)]);

/** How creations answer, wherever they are asked for. */
export const CREATED = {
  status: 201,
  otherStatus: 200,
  description:
    'Values that the parent already holds are answered as they are, with 200 when none is new.',
};

/** One observable for one value, a list for a list; 201 with `Location` when something is new, else 200. */
export function answerCreated(
  { observables, isNew }: CreatedObservables,
  isList: boolean,
  response: Response,
): Observable | readonly Observable[] {
  const [first] = observables;
  response.status(isNew ? HttpStatus.CREATED : HttpStatus.OK);
  if (isList || !first) return observables;
  if (isNew) response.setHeader('Location', `/api/observables/${first.id}`);
  return first;
}
