import { regionComplaint } from './regions.ts';
import type { StageSettings } from './stage-settings.ts';

/**
 * Whether a stage can be deployed to the region that the AWS CLI's settings say.
 * @throws Error with one sentence that says what to do
 */
export function requireRegion({ name, operations, network }: StageSettings, region: string): void {
  if (operations.region !== null && operations.region !== region)
    throw new Error(
      `Stage "${name}": operations.region is ${operations.region}, and the AWS CLI's settings say ${region}: set AWS_REGION=${operations.region}.`,
    );
  const complaint = regionComplaint('the region', region, network.availabilityZones);
  if (complaint !== undefined) throw new Error(`Stage "${name}": ${complaint}`);
}
