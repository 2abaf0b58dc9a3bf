import type { Stage } from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';

/** Requests of one address in five minutes. */
const requestsPerAddress = 10_000;

interface ManagedGroup {
  readonly name: string;
  /** Rules that would block what we are made for: long bodies, SQL and HTML in bodies. They count, and do not block. */
  readonly counted: readonly string[];
}

const managedGroups: readonly ManagedGroup[] = [
  {
    name: 'AWSManagedRulesCommonRuleSet',
    counted: ['SizeRestrictions_BODY', 'CrossSiteScripting_BODY', 'GenericLFI_BODY', 'GenericRFI_BODY'],
  },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet', counted: ['JavaDeserializationRCE_BODY', 'Log4JRCE_BODY'] },
  { name: 'AWSManagedRulesSQLiRuleSet', counted: ['SQLi_BODY', 'SQLiExtendedPatterns_BODY'] },
  { name: 'AWSManagedRulesAmazonIpReputationList', counted: [] },
];

/** A web application firewall before the API. */
export class Firewall extends Construct {
  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    const acl = new CfnWebACL(this, 'Acl', {
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visibility('dbrag'),
      rules: [...managedGroups.map(managedRule), rateRule(managedGroups.length)],
    });
    new CfnWebACLAssociation(this, 'Association', { resourceArn: stage.stageArn, webAclArn: acl.attrArn });
  }
}

function managedRule({ name, counted }: ManagedGroup, priority: number): CfnWebACL.RuleProperty {
  return {
    name,
    priority,
    overrideAction: { none: {} },
    visibilityConfig: visibility(name),
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
  };
}

function rateRule(priority: number): CfnWebACL.RuleProperty {
  return {
    name: 'RequestsPerAddress',
    priority,
    action: { block: {} },
    visibilityConfig: visibility('RequestsPerAddress'),
    statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: requestsPerAddress } },
  };
}

/** Sampled requests would show headers, and with them credentials. */
function visibility(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: false };
}
