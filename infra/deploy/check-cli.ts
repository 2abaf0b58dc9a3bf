import { type Finding, fine, problem } from './finding.ts';

const subject = 'CDK CLI';

/**
 * The CLI reads what the library writes: it must be of the same major version and no older than the one that is pinned.
 * @param output what `cdk --version` printed, such as `2.1148.1 (build fcf5e34)`
 */
export function checkCli(output: string, pinned: string): Finding {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(output.trim());
  const wanted = /^(\d+)\.(\d+)\.(\d+)/.exec(pinned);
  if (!found || !wanted)
    return problem(subject, `"${output.trim()}" is no version: run npm ci, which brings ${pinned}.`);
  const [major, minor, patch] = found.slice(1).map(Number) as [number, number, number];
  const [wantedMajor, wantedMinor, wantedPatch] = wanted.slice(1).map(Number) as [number, number, number];
  const isOlder = minor < wantedMinor || (minor === wantedMinor && patch < wantedPatch);
  if (major !== wantedMajor || isOlder)
    return problem(
      subject,
      `It is ${found[0]}, and this project is made with ${pinned}: run npm ci, and start it by npm run and npx.`,
    );
  return fine(subject, found[0]);
}
