import { DocumentError } from '../../core/document-errors.ts';

/** The text of a file, as large as the parent can hold and split beside the file itself. */
export const mostTextBytes = 200_000_000;

const factor = 20;
const allowance = 50_000_000;
const mostBytes = 500_000_000;

/** How many bytes a compressed file may become in all. */
export function mostExpandedBytes(fileBytes: number): number {
  return Math.min(fileBytes * factor + allowance, mostBytes);
}

/** Pieces are joined this many at a time: a million short strings take several times the memory of their characters. */
const piecesOfBlock = 10_000;

/** Text that grows piece by piece, and is refused before it fills the memory. */
export class TextBuilder {
  private readonly blocks: string[] = [];
  private pieces: string[] = [];
  /** UTF-16 units so far. */
  length = 0;

  add(piece: string): void {
    if (piece === '') return;
    this.length += piece.length;
    if (this.length > mostTextBytes) throw new DocumentError('file_expands_too_far', 'The file holds too much text.');
    if (this.pieces.push(piece) >= piecesOfBlock) this.endBlock();
  }

  toString(): string {
    this.endBlock();
    return this.blocks.join('');
  }

  private endBlock(): void {
    this.blocks.push(this.pieces.join(''));
    this.pieces = [];
  }
}
