import { functionNameOfArn } from './functions.ts';
import type { GatewayResponse, RestApi, Route } from './model.ts';
import { members, numberProperty, optionalText, textProperty, texts } from './property.ts';
import { attributeOf, noEndpoints } from './references.ts';
import type { Resource } from './resource.ts';
import { AssemblyError } from './template.ts';
import type { AssemblyWorld } from './world.ts';

/** API Gateway's limit for a buffered integration, where the template says nothing. */
const defaultTimeoutMilliseconds = 29_000;

export function readRestApis(world: AssemblyWorld): readonly RestApi[] {
  return world.resourcesOf('AWS::ApiGateway::RestApi').map((resource) => {
    const id = String(attributeOf(resource, 'Ref', noEndpoints));
    const belongs = (part: Resource): boolean => part.properties.RestApiId === id;
    const paths = new Map(
      world
        .resourcesOf('AWS::ApiGateway::Resource')
        .filter(belongs)
        .map((part) => [part.logicalId, part]),
    );
    const stage = world.resourcesOf('AWS::ApiGateway::Stage').find(belongs);
    return {
      logicalId: resource.logicalId,
      id,
      stageName: stage ? textProperty(stage, 'StageName') : 'local',
      binaryMediaTypes: texts(resource.properties.BinaryMediaTypes),
      routes: world
        .resourcesOf('AWS::ApiGateway::Method')
        .filter(belongs)
        .map((method) => route(method, paths)),
      gatewayResponses: world.resourcesOf('AWS::ApiGateway::GatewayResponse').filter(belongs).map(gatewayResponse),
    };
  });
}

function route(method: Resource, paths: ReadonlyMap<string, Resource>): Route {
  const integration = members(method.properties.Integration);
  const uri = String(integration.Uri);
  if (integration.Type !== 'AWS_PROXY' || !uri.includes(':function:')) {
    throw new AssemblyError(
      method.stack.name,
      method.logicalId,
      `the integration ${String(integration.Type)} has no local counterpart: only Lambda proxies have`,
    );
  }
  return {
    path: pathOf(textProperty(method, 'ResourceId'), paths),
    method: textProperty(method, 'HttpMethod'),
    functionName: functionNameOfArn(uri),
    streaming: integration.ResponseTransferMode === 'STREAM' || uri.endsWith('/response-streaming-invocations'),
    timeoutMilliseconds: Number(integration.TimeoutInMillis ?? defaultTimeoutMilliseconds),
  };
}

function pathOf(resourceId: string, paths: ReadonlyMap<string, Resource>): string {
  const resource = paths.get(resourceId);
  if (!resource) return '/';
  const parent = pathOf(textProperty(resource, 'ParentId'), paths);
  return `${parent === '/' ? '' : parent}/${textProperty(resource, 'PathPart')}`;
}

const headerPrefix = 'gatewayresponse.header.';

function gatewayResponse(resource: Resource): GatewayResponse {
  const parameters = Object.entries(members(resource.properties.ResponseParameters));
  return {
    type: textProperty(resource, 'ResponseType'),
    statusCode: resource.properties.StatusCode === undefined ? null : numberProperty(resource, 'StatusCode', 0),
    headers: Object.fromEntries(
      parameters
        .filter(([name]) => name.startsWith(headerPrefix))
        .map(([name, value]) => [name.slice(headerPrefix.length), String(value).replace(/^'(.*)'$/, '$1')]),
    ),
    templates: Object.fromEntries(
      Object.entries(members(resource.properties.ResponseTemplates)).map(([type, template]) => [
        type,
        optionalText(template) ?? '',
      ]),
    ),
  };
}
