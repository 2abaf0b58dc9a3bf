import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import type { BudgetSettings } from '../stage-settings.ts';

/** Shares of the month's dollars, of what was spent and of what is forecast, at which somebody is written to. */
const thresholds = [
  { notificationType: 'ACTUAL', threshold: 80 },
  { notificationType: 'ACTUAL', threshold: 100 },
  { notificationType: 'FORECASTED', threshold: 100 },
] as const;

export interface BudgetProps {
  readonly settings: BudgetSettings;
  readonly stageName: string;
  /** Null: the budget shows in the console and notifies nobody. */
  readonly email: string | null;
}

/** The budget for a month. It stops nothing: it notifies, at most a day after the money was spent. Models are billed elsewhere. */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, { settings, stageName, email }: BudgetProps) {
    super(scope, id);
    new CfnBudget(this, 'Monthly', {
      budget: {
        budgetName: `dbrag-${stageName}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: settings.monthlyDollars, unit: 'USD' },
        ...(settings.of === 'stage' ? { costFilters: { TagKeyValue: [`user:stage$${stageName}`] } } : {}),
      },
      notificationsWithSubscribers:
        email === null
          ? []
          : thresholds.map(({ notificationType, threshold }) => ({
              notification: {
                notificationType,
                threshold,
                thresholdType: 'PERCENTAGE',
                comparisonOperator: 'GREATER_THAN',
              },
              subscribers: [{ subscriptionType: 'EMAIL', address: email }],
            })),
    });
  }
}
