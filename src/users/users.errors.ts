import { AppError } from '../common/errors.js';

export function userNotFound(): AppError {
  return new AppError('USER_NOT_FOUND', 'No such user.');
}

/** The same for whatever stands in the way, so that nothing is learned of other organizations. */
export function mayNotAdminister(): AppError {
  return new AppError(
    'INSUFFICIENT_ROLE',
    'Only an administrator of at least the rank of this person, and of every organization the person belongs to, may do this.',
  );
}

export function grantExceedsOwn(what: string): AppError {
  return new AppError(
    'GRANT_EXCEEDS_OWN',
    `Nobody grants a role, clearance or tier above their own: ${what}.`,
  );
}

export function passwordExceedsOwn(): AppError {
  return new AppError(
    'GRANT_EXCEEDS_OWN',
    'Whoever sets a password could sign in with it, so nobody may for a person with a clearance or tier above their own.',
  );
}

export function ownPassword(): AppError {
  return new AppError(
    'OWN_PASSWORD',
    'Change your own password with POST /api/auth/password, which asks for the current one.',
  );
}

export function lastSuperAdmin(): AppError {
  return new AppError(
    'LAST_SUPER_ADMIN',
    'This is the last active super-admin. Make somebody else one first.',
  );
}

export function lastOrganization(): AppError {
  return new AppError(
    'LAST_ORGANIZATION',
    'The person would belong to no organization. Add another first, or delete the person.',
  );
}

export function notAMember(): AppError {
  return new AppError(
    'NOT_A_MEMBER',
    'The person does not belong to the organization of the team. Add the person there first.',
  );
}
