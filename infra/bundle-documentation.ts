import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

const script = join('node_modules', '@scalar', 'api-reference', 'dist', 'browser', 'standalone.js');
/** 4.4 MB become 1.05 MB in 0.25 s; the best quality takes 6 s for another tenth. */
const quality = 9;

const compress = promisify(brotliCompress);

/**
 * Puts the script of the documentation page beside the handlers, compressed: `documentation/reference.js.br`. The same script gives
 * the same bytes. A root without the package (handlers of a test) gets none.
 */
export async function bundleDocumentation(root: string, directory: string): Promise<void> {
  const source = join(root, script);
  if (!existsSync(source)) return;
  const text = await readFile(source);
  const target = join(directory, 'documentation', 'reference.js.br');
  await mkdir(dirname(target), { recursive: true });
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
  await writeFile(target, await compress(text, { params }));
}
