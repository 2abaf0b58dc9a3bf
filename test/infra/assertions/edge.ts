import {
  type Assertion,
  every,
  functionIdOf,
  functionNamed,
  type Json,
  list,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

const methodType = 'AWS::ApiGateway::Method';
const stageType = 'AWS::ApiGateway::Stage';

/** The path of a method's resource, from the root. */
function pathOf(system: System, resourceId: Json): string {
  const id = resourceId?.Ref;
  const resource = id === undefined ? undefined : system.service.Resources[id];
  return resource === undefined
    ? ''
    : `${pathOf(system, resource.Properties.ParentId)}/${resource.Properties.PathPart}`;
}

function routes(system: System) {
  return resourcesOf(system, methodType).map(({ properties }) => ({
    properties,
    route: `${properties.HttpMethod} ${pathOf(system, properties.ResourceId) || '/'}`,
  }));
}

const streaming = [
  'GET /docs/reference.js',
  'GET /v1/jobs/{id}/events',
  'POST /v1/conversations/{id}/messages',
  'POST /v1/queries',
  'POST /v1/sql/run',
];
const invokes = (system: System, properties: Json, handler: string) =>
  functionIdOf(properties.Integration.Uri, system) === functionNamed(system, handler).id;
const settingsOf = (properties: Json) =>
  list(properties.MethodSettings).find(({ HttpMethod, ResourcePath }) => HttpMethod === '*' && ResourcePath === '/*') ??
  {};

export const edgeAssertions: readonly Assertion[] = [
  every({
    area: 'API edge',
    name: 'the API is regional: an edge API cuts streams after 30 seconds',
    type: 'AWS::ApiGateway::RestApi',
    demand: ({ properties }) => JSON.stringify(properties.EndpointConfiguration?.Types) === '["REGIONAL"]',
    break: ({ properties }) => {
      properties.EndpointConfiguration = { Types: ['EDGE'] };
    },
  }),
  {
    area: 'API edge',
    name: 'these routes stream, to the streaming function',
    check: (system) => {
      const found = routes(system).filter(({ properties }) => properties.Integration.ResponseTransferMode === 'STREAM');
      const wrong = found
        .filter(({ properties }) => !invokes(system, properties, 'http/stream'))
        .map(({ route }) => route);
      const same = JSON.stringify(found.map(({ route }) => route).sort()) === JSON.stringify(streaming);
      return same ? wrong : [...wrong, ...found.map(({ route }) => route)];
    },
    spoil: (system) => {
      const found = routes(system).find(({ route }) => route === 'POST /v1/queries');
      if (found) found.properties.Integration.ResponseTransferMode = undefined;
    },
  },
  {
    area: 'API edge',
    name: 'streams may last 15 minutes, other answers 29 seconds',
    check: (system) =>
      routes(system)
        .filter(({ properties: { Integration } }) => {
          const wanted = Integration.ResponseTransferMode === 'STREAM' ? 900_000 : 29_000;
          return Integration.TimeoutInMillis !== wanted;
        })
        .map(({ route }) => route),
    spoil: (system) => {
      for (const { properties } of routes(system)) properties.Integration.TimeoutInMillis = undefined;
    },
  },
  {
    area: 'API edge',
    name: 'every path has a method for all else, and a greedy child for what lies below',
    check: (system) => {
      const found = new Set(routes(system).map(({ route }) => route));
      const parents = ['', '/v1', '/v1/conversations', '/v1/conversations/{id}', '/v1/jobs', '/v1/jobs/{id}'];
      const wanted = parents.flatMap((path) => [`ANY ${path || '/'}`, `ANY ${path}/{proxy+}`]);
      return wanted.filter((route) => !found.has(route));
    },
    spoil: (system) => {
      const found = routes(system).find(({ route }) => route === 'ANY /v1/jobs/{id}/{proxy+}');
      if (found) found.properties.HttpMethod = 'GET';
    },
  },
  every({
    area: 'API edge',
    name: 'requests are throttled as the stage says',
    type: stageType,
    demand: ({ properties }, _system, { api }) => {
      const { ThrottlingRateLimit, ThrottlingBurstLimit } = settingsOf(properties);
      return ThrottlingRateLimit === api.requestsPerSecond && ThrottlingBurstLimit === api.burst;
    },
    break: ({ properties }) => {
      settingsOf(properties).ThrottlingRateLimit = 10_000;
    },
  }),
  every({
    area: 'API edge',
    name: 'requests are logged, without headers, paths and queries, which may hold names',
    type: stageType,
    demand: ({ properties }) => {
      const format = properties.AccessLogSetting?.Format ?? '';
      return (
        format.includes('$context.requestId') &&
        !/authorization|\$context\.authorizer|\$context\.path\b|header|querystring/i.test(format)
      );
    },
    break: ({ properties }) => {
      properties.AccessLogSetting.Format += ' $context.path';
    },
  }),
  every({
    area: 'API edge',
    name: 'bodies are not logged',
    type: stageType,
    demand: ({ properties }) => settingsOf(properties).DataTraceEnabled === false,
    break: ({ properties }) => {
      settingsOf(properties).DataTraceEnabled = true;
    },
  }),
  every({
    area: 'API edge',
    name: 'requests are traced',
    type: stageType,
    demand: ({ properties }) => properties.TracingEnabled === true,
    break: ({ properties }) => {
      properties.TracingEnabled = false;
    },
  }),
  every({
    area: 'API edge',
    name: 'the gateway’s own answers are problems',
    type: 'AWS::ApiGateway::GatewayResponse',
    demand: ({ properties }) => {
      const template = properties.ResponseTemplates?.['application/json'] ?? '';
      return (
        properties.ResponseParameters?.['gatewayresponse.header.content-type'] === "'application/problem+json'" &&
        ['"type"', '"title"', '"status"', '"detail"', '"instance"', '"code"', '"error"'].every((one) =>
          template.includes(one),
        ) &&
        !template.includes('"$context.error.message')
      );
    },
    break: ({ properties }) => {
      properties.ResponseTemplates = undefined;
    },
  }),
  {
    area: 'API edge',
    name: 'every kind of answer that the gateway gives is covered',
    check: (system) => {
      const found = resourcesOf(system, 'AWS::ApiGateway::GatewayResponse').map(
        ({ properties }) => properties.ResponseType,
      );
      const wanted = [
        'DEFAULT_4XX',
        'DEFAULT_5XX',
        'THROTTLED',
        'REQUEST_TOO_LARGE',
        'INTEGRATION_TIMEOUT',
        'WAF_FILTERED',
      ];
      return wanted.filter((type) => !found.includes(type));
    },
    spoil: (system) => {
      for (const { properties } of resourcesOf(system, 'AWS::ApiGateway::GatewayResponse'))
        properties.ResponseType = 'X';
    },
  },
  {
    area: 'API edge',
    name: 'a firewall stands before it only where the stage says so',
    check: (system, { api }) => {
      const found = resourcesOf(system, 'AWS::WAFv2::WebACLAssociation').filter(({ properties }) =>
        JSON.stringify(properties.ResourceArn).includes('DeploymentStage'),
      ).length;
      return found === (api.firewall ? 1 : 0) ? [] : [`${found} firewalls`];
    },
    spoil: ({ service }) => {
      const association = resourcesOf(service, 'AWS::WAFv2::WebACLAssociation')[0];
      if (association) delete service.Resources[association.id];
      else
        service.Resources.Firewall = {
          Type: 'AWS::WAFv2::WebACLAssociation',
          Properties: { ResourceArn: 'DeploymentStage' },
        };
    },
  },
  every({
    area: 'API edge',
    name: 'the firewall has AWS’s rules and a rate per address',
    binds: ({ api }) => api.firewall,
    type: 'AWS::WAFv2::WebACL',
    demand: ({ properties }) => {
      const names = list(properties.Rules).map(({ Name }) => Name);
      const rate = list(properties.Rules).some(
        ({ Statement, Action }) => Statement.RateBasedStatement && Action?.Block,
      );
      const wanted = ['CommonRuleSet', 'KnownBadInputsRuleSet', 'SQLiRuleSet', 'AmazonIpReputationList'];
      return rate && wanted.every((name) => names.includes(`AWSManagedRules${name}`));
    },
    break: ({ properties }) => properties.Rules.pop(),
  }),
  every({
    area: 'API edge',
    name: 'rules that would block long bodies, SQL and HTML only count',
    binds: ({ api }) => api.firewall,
    type: 'AWS::WAFv2::WebACL',
    demand: ({ properties }) => {
      const counted = list(properties.Rules)
        .flatMap(({ Statement }) => list(Statement.ManagedRuleGroupStatement?.RuleActionOverrides))
        .filter(({ ActionToUse }) => ActionToUse?.Count)
        .map(({ Name }) => Name);
      return ['SizeRestrictions_BODY', 'CrossSiteScripting_BODY', 'SQLi_BODY'].every((rule) => counted.includes(rule));
    },
    break: ({ properties }) => {
      properties.Rules[0].Statement.ManagedRuleGroupStatement.RuleActionOverrides = [];
    },
  }),
  every({
    area: 'API edge',
    name: 'server errors alarm',
    type: 'AWS::CloudWatch::Alarm',
    where: ({ id }) => id.startsWith('HttpServerErrors'),
    demand: ({ properties }, system) =>
      properties.MetricName === '5XXError' &&
      list(properties.Dimensions).some(
        ({ Value }) => Value === resourcesOf(system, 'AWS::ApiGateway::RestApi')[0]?.properties.Name,
      ),
    break: ({ properties }) => {
      properties.MetricName = '4XXError';
    },
  }),
  every({
    area: 'API edge',
    name: 'the stage is deployed after the account may log',
    type: stageType,
    demand: ({ resource }, system) =>
      list(resource.DependsOn).some((id) => system.service.Resources[id]?.Type === 'AWS::ApiGateway::Account') &&
      targetOf(resource.Properties.DeploymentId) !== undefined,
    break: ({ resource }) => {
      resource.DependsOn = [];
    },
  }),
];
