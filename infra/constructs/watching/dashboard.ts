import { AlarmStatusWidget, Dashboard, type IWidget, PeriodOverride, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { Alarms } from '../alarms.ts';
import { documentRows } from './document-widgets.ts';
import { questionRows } from './question-widgets.ts';
import { systemRows } from './system-widgets.ts';
import type { WidgetParts } from './widgets.ts';

export interface WatchingDashboardProps extends WidgetParts {
  readonly alarms: Alarms;
}

/** The state of a stage on one page: alarms, questions, documents, and their dependencies. */
export class WatchingDashboard extends Construct {
  constructor(scope: Construct, id: string, props: WatchingDashboardProps) {
    super(scope, id);
    const { stage, alarms } = props;
    new Dashboard(this, 'Dashboard', {
      dashboardName: `dbrag-${stage.name}`,
      defaultInterval: Duration.hours(12),
      periodOverride: PeriodOverride.AUTO,
      widgets: [
        [new AlarmStatusWidget({ title: 'Is anything the matter?', alarms: [...alarms.all], width: 24, height: 4 })],
        ...titled('Questions', questionRows(props)),
        ...titled('Documents', documentRows(props)),
        ...titled('What both stand on', systemRows(props)),
      ],
    });
  }
}

function titled(title: string, rows: readonly IWidget[][]): IWidget[][] {
  return [[new TextWidget({ markdown: `## ${title}`, width: 24, height: 1 })], ...rows];
}
