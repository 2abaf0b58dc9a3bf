import { GetParameterCommand } from '@aws-sdk/client-ssm';
import type { Clients } from './clients.ts';
import { errorName, type Finding, fine, problem } from './finding.ts';

const subject = 'bootstrap';
/** The bootstrap version that the CDK's default synthesizer requires. */
const leastVersion = 6;
export const defaultQualifier = 'hnb659fds';

/** Whether `cdk bootstrap` has prepared this account and region, recently enough, under the stage's qualifier. */
export async function checkBootstrap({ parameters, region }: Clients, qualifier: string): Promise<Finding> {
  const command = `npx cdk bootstrap aws://<account>/${region}${qualifier === defaultQualifier ? '' : ` --qualifier ${qualifier}`}`;
  try {
    const { Parameter } = await parameters.send(
      new GetParameterCommand({ Name: `/cdk-bootstrap/${qualifier}/version` }),
    );
    const version = Number(Parameter?.Value);
    return version >= leastVersion
      ? fine(subject, `version ${version} in ${region}`)
      : problem(subject, `It has version ${version}, and ${leastVersion} is needed: run ${command} once more.`);
  } catch (error) {
    if (errorName(error) === 'ParameterNotFound')
      return problem(subject, `The account is not prepared for the CDK in ${region}: run ${command} once.`);
    throw error;
  }
}
