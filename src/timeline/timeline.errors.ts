import { AppError } from '../common/errors.js';

export function timelineEventNotFound(): AppError {
  return new AppError('TIMELINE_EVENT_NOT_FOUND', 'No such event in the timeline of the case.');
}

/** 409: what the server recorded stays as it is. */
export function timelineEventAutomatic(): AppError {
  return new AppError(
    'TIMELINE_EVENT_AUTOMATIC',
    'The server recorded the event. Only events entered by hand can be changed or deleted.',
  );
}
