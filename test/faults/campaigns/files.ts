import { encryptedOffice, paragraph, wordParts, zipOf } from '../../unit/ingestion/formats/sample-archives.ts';
import { encryptedPdf, pdfBomb, samplePdf } from '../../unit/ingestion/formats/sample-pdf.ts';
import { campaign } from '../campaign.ts';

/** Name, bytes, and the code that it must end with; undefined for what is merely odd. Made when they are put: some take seconds. */
const makeFiles = (): readonly (readonly [name: string, bytes: Uint8Array, code: string | undefined])[] => [
  ['half.pdf', samplePdf([['words of a page']]).subarray(0, 300), 'corrupt_file'],
  ['secret.pdf', encryptedPdf('secret'), 'encrypted_file'],
  ['secret.docx', encryptedOffice(), 'encrypted_file'],
  ['bomb.pdf', pdfBomb(400_000_000), 'file_expands_too_far'],
  ['zeros.docx', zipOf(wordParts('', { 'word/media/a.bin': new Uint8Array(300_000_000) })), 'file_expands_too_far'],
  ['nested.json', Buffer.from('['.repeat(2_000_000)), 'file_expands_too_far'],
  ['picture.docx', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'unsupported_media_type'],
  ['empty.txt', Buffer.alloc(0), 'empty_file'],
  ['blank.pdf', samplePdf([[], []]), 'no_text_found'],
  ['end of text.txt', Buffer.from(`<|endoftext|> is text here. ${'<|endoftext|>'.repeat(50)}`), undefined],
  ['fine.docx', zipOf(wordParts(paragraph('words of an honest file'))), undefined],
];

export const hostileFiles = [
  campaign({
    id: 'F32',
    fault: 'files that are broken, locked, empty, not what they say, or expand to hundreds of megabytes',
    expected: 'each ends failed with its code, in a child with a cap of memory and time; its neighbours are ready',
    criteria: 'each outcome as documented; no worker died of one',
    async run(run) {
      const types: Readonly<Record<string, string>> = {
        pdf: 'application/pdf',
        docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        json: 'application/json',
        txt: 'text/plain',
      };
      const files = makeFiles();
      for (const [name, bytes, code] of files) {
        const upload = await run.traffic.put(name, bytes, types[name.slice(name.lastIndexOf('.') + 1)]);
        upload.fate = code;
      }
      await run.traffic.post(run.documents(4));
      run.note('files', files.length);
    },
  }),
];
