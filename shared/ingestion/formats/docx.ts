import mammoth from 'mammoth';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { hiddenStyles, withoutHiddenRuns } from './hidden-runs.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';
import { plainCopy } from './office-archive.ts';
import { ZipArchive } from './zip-archive.ts';

const titles = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

/** The way back that mammoth puts behind each note. */
const wayBack = / ?<a href="#[^"]*note-ref-[^"]*">↑<\/a>/g;

/** Word documents: headings, lists, tables, notes. Hidden and deleted text, comments and pictures are left out. */
export const parseDocx: Parser = async (bytes) => {
  const stylesPart = new ZipArchive(bytes).read('word/styles.xml');
  const styles = stylesPart ? hiddenStyles(stylesPart) : new Set<string>();
  const buffer = plainCopy(bytes, (name, xml) => (name.startsWith('word/') ? withoutHiddenRuns(xml, styles) : xml));
  const { value } = await mammoth.convertToHtml(
    { buffer },
    {
      styleMap: titles,
      includeEmbeddedStyleMap: false,
      externalFileAccess: false,
      convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
    },
  );
  const text = sanitise(htmlToMarkdown(value.replace(wayBack, ''), { stripBoilerplate: false }));
  return {
    text,
    format: 'markdown',
    mediaType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  };
};
