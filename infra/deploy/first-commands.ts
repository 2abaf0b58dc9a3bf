/** The first commands after a deploy: the URL, how to read the operator's key, and the first workspace. */
export function firstCommands(url: string, operatorKeySecret: string, region: string): string {
  return [
    '',
    `  API    ${url}`,
    `  Docs   ${new URL('docs', url)}`,
    `  Try    ${new URL('playground', url)}`,
    '',
    '  The operator’s key, and a first workspace; its answer shows the workspace’s key once:',
    '',
    `    key=$(aws secretsmanager get-secret-value --region ${region} --secret-id ${operatorKeySecret} --query SecretString --output text)`,
    `    curl -s ${new URL('v1/workspaces', url)} -H "Authorization: Bearer $key" \\`,
    `      -H 'Content-Type: application/json' -d '{"name": "first"}'`,
    '',
  ].join('\n');
}
