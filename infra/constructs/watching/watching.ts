import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { StageSettings } from '../../stage-settings.ts';
import type { Alarms } from '../alarms.ts';
import type { HttpApi } from '../http-api.ts';
import type { Queues } from '../queues.ts';
import type { ServiceFunctions } from '../service-functions.ts';
import { WatchingDashboard } from './dashboard.ts';
import { LogQueries } from './log-queries.ts';
import { Objectives, serviceObjectives } from './objectives.ts';
import { ServiceAlarms } from './service-alarms.ts';
import { ServiceMetrics } from './service-metrics.ts';

export interface WatchingProps {
  readonly stage: StageSettings;
  readonly alarms: Alarms;
  readonly queues: Queues;
  readonly functions: ServiceFunctions;
  readonly api: HttpApi;
  /** Undefined where the stage has none. */
  readonly proxyName: string | undefined;
}

/** Alarms, objectives, the dashboard and the saved queries of a stage. */
export class Watching extends Construct {
  constructor(scope: Construct, id: string, props: WatchingProps) {
    super(scope, id);
    const { stage, alarms, functions, api } = props;
    const metrics = new ServiceMetrics(stage);
    const logsOf = (each: readonly { readonly logGroup: ILogGroup }[]) => each.map(({ logGroup }) => logGroup);
    new ServiceAlarms(this, 'Alarms', { ...props, metrics });
    if (stage.operations.objectives)
      new Objectives(this, 'Objectives', { alarms, objectives: serviceObjectives(metrics, api, functions) });
    new LogQueries(this, 'LogQueries', { stageName: stage.name, logGroups: logsOf(Object.values(functions)) });
    new WatchingDashboard(this, 'Dashboard', {
      ...props,
      metrics,
      httpLogs: logsOf([functions.httpApi, functions.httpStream]),
    });
  }
}
