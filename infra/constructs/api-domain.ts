import {
  DomainName,
  EndpointAccessMode,
  EndpointType,
  type IRestApi,
  type RestApi,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import { CfnOutput, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ApiSettings, DomainSettings } from '../stage-settings.ts';

/** Policies of regional endpoints. The older one still wants forward secrecy. */
export const securityPolicies: Readonly<Record<ApiSettings['tls'], SecurityPolicy>> = {
  '1.3': SecurityPolicy.TLS13_1_3_2025_09,
  '1.2': SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09,
};

/** A name of one's own for the API, in Route 53 where the stage names a zone there. */
export class ApiDomain extends Construct {
  /** With a slash at its end, as API Gateway's own URL has one. */
  readonly url: string;

  constructor(scope: Construct, id: string, api: RestApi, { domain, tls }: ApiSettings) {
    super(scope, id);
    if (domain === null) throw new Error('The stage names no domain.');
    const { name, certificateArn, hostedZone } = domain;
    const domainName = new DomainName(this, 'Name', {
      domainName: name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
      endpointType: EndpointType.REGIONAL,
      securityPolicy: securityPolicies[tls],
      endpointAccessMode: EndpointAccessMode.BASIC,
      mapping: api as IRestApi,
    });
    this.url = `https://${name}/`;
    if (hostedZone) this.writeRecord(hostedZone, name, domainName);
    const target = new CfnOutput(Stack.of(this), 'DomainTarget', { value: domainName.domainNameAliasDomainName });
    target.description = `Where ${name} must point to`;
  }

  private writeRecord(zone: NonNullable<DomainSettings['hostedZone']>, name: string, target: DomainName): void {
    new ARecord(this, 'Record', {
      zone: HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId: zone.id, zoneName: zone.name }),
      // Absolute, or the zone's name would be put behind it.
      recordName: `${name}.`,
      target: RecordTarget.fromAlias(new ApiGatewayDomain(target)),
    });
  }
}
