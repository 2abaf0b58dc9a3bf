import * as contract from '../contract/sql.ts';
import { defineRoute } from '../route.ts';
import { runSql } from '../run-sql.ts';

export const sqlRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/sql/run',
    access: 'reader',
    rate: 'read',
    tag: 'SQL',
    summary: 'Run a SELECT against a connected database',
    body: contract.runSql,
    success: {
      status: 200,
      description:
        'Its rows; with `Accept: text/csv` as CSV, safe for spreadsheets. What the firewall refuses is 422 `sql_rejected`, and the detail names the rule',
      schema: contract.sqlResult,
    },
    handle: runSql,
  }),
];
