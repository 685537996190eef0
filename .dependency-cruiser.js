/** Who may call whom: downwards only, never in a circle. */
export default {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'services-know-no-controller',
      comment: 'A controller calls its service, never the other way.',
      severity: 'error',
      from: { pathNot: '\\.module\\.ts$' },
      to: { path: '\\.controller\\.ts$' },
    },
    {
      name: 'common-knows-no-feature',
      severity: 'error',
      from: {
        path: '^src/(common|access|database|config|rate-limit)/',
        pathNot: '(request-log|problem\\.filter)\\.ts$',
      },
      to: {
        path: '^src/(alerts|cases|observables|users|organizations|teams|api-keys|records|statuses|tags|clients|custom-fields)/',
      },
    },
    {
      name: 'pure-files-touch-no-database',
      comment: 'Mappers and schemas are pure.',
      severity: 'error',
      from: { path: '\\.(mapper|schema)\\.ts$' },
      to: { path: '^src/database/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'environment-is-read-once',
      comment: 'Only the start parses the environment.',
      severity: 'error',
      from: { pathNot: '^src/(config|instance|docs/openapi)' },
      to: {
        path: '^src/config/(config\\.schema|secrets)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'console-client-knows-types-alone',
      comment: 'What the browser gets holds nothing of the server but the shapes of its answers.',
      severity: 'error',
      from: { path: '^src/console/client/' },
      to: {
        path: '^src/',
        pathNot: '^src/console/(client/|pages\\.ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-tests-in-source',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|src/generated' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
