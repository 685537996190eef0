/** The pages of the console by name: their paths, which the server answers and the browser tells apart. */
export const PAGES = {
  overview: '/',
  signIn: '/sign-in',
  apiKeys: '/account/api-keys',
  profile: '/account/profile',
  allApiKeys: '/admin/api-keys',
  users: '/admin/users',
  organizations: '/admin/organizations',
} as const;

export type PagePath = (typeof PAGES)[keyof typeof PAGES];
