// Rooms of shared/, leftmost first: a room may import those before it and never those after it.
const rooms = [
  'core',
  'access',
  'limits',
  'usage',
  'jobs',
  'models',
  'ingestion',
  'retrieval',
  'databases',
  'indexing',
  'answering',
  'privacy',
];

// Which rooms' ports an adapter implements, beside core's.
const adapters = {
  postgres: ['databases'],
  openai: ['models'],
  redis: ['models', 'limits'],
  sqs: [],
  lambda: ['databases'],
  eventbridge: [],
  oidc: ['access'],
  s3: [],
  kms: [],
  secrets: ['databases'],
};

const roomRules = rooms.slice(0, -1).map((room, position) => ({
  name: `${room}-imports-leftwards`,
  severity: 'error',
  comment: 'Rooms import leftwards only; what a room needs from its right is passed in.',
  from: { path: `^shared/${room}/` },
  to: { path: `^shared/(${rooms.slice(position + 1).join('|')})/` },
}));

const adapterRules = Object.entries(adapters).map(([vendor, ports]) => ({
  name: `adapter-${vendor}-knows-core-and-its-ports`,
  severity: 'error',
  comment: 'An adapter imports core and the ports that it implements, and no other vendor.',
  from: { path: `^shared/adapters/${vendor}/` },
  to: {
    path: '^(shared|functions|infra|test)/',
    pathNot: [`^shared/adapters/${vendor}/`, '^shared/core/', ...ports.map((room) => `^shared/${room}/`)],
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...roomRules,
    ...adapterRules,
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'rooms-know-no-vendor',
      severity: 'error',
      comment: 'Rooms receive what they need as arguments: no adapters, AWS, model SDKs, drivers or telemetry.',
      from: { path: `^shared/(${rooms.join('|')})/` },
      to: {
        path: '^shared/adapters/|^node_modules/(@aws-sdk|@aws-lambda-powertools|@middy|openai|ioredis|pg|hono|aws-cdk-lib|constructs)(/|$)',
      },
    },
    {
      name: 'shared-stands-alone',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(functions|infra|test|scripts)/' },
    },
    {
      name: 'only-the-runtime-wires-adapters',
      severity: 'error',
      from: { path: '^functions/', pathNot: '^functions/runtime/' },
      to: { path: '^shared/adapters/|^node_modules/(@middy|@aws-lambda-powertools|@aws-sdk|openai|ioredis|pg)(/|$)' },
    },
    {
      name: 'functions-know-no-infrastructure',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^(infra|test|scripts)/' },
    },
    {
      name: 'infrastructure-knows-only-the-names-of-the-environment',
      severity: 'error',
      comment:
        'Handlers are named by path; the tables of prices and signatures are data that settings are checked against; the demo and the local cloud speak to them as strangers do.',
      from: { path: '^infra/' },
      to: {
        path: '^(shared|functions|test)/',
        pathNot: '^shared/(core/(env-names|identity-provider)|usage/prices)\\.ts$',
      },
    },
    {
      name: 'deployed-code-uses-dependencies',
      severity: 'error',
      from: { path: '^(shared|functions)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '^node_modules/@types/' },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      // Peers that a benchmark compares with are installed for it alone.
      from: { pathNot: '^test/bench/peers/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(cdk\\.out|\\.build|\\.dbrag)' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
