import { nothingFound } from './prompt.ts';

/** A run of our instructions that is longer than this is no accident. */
const longestShared = 60;

/**
 * Watches the output for the instructions of the prompt: an answer that reveals them is refused. The fence serves as a
 * canary, since nobody but the prompt knows it.
 */
export class PromptLeak {
  private readonly instructions: string;
  private readonly fence: string;
  private tail = '';

  constructor(instructions: string, fence: string) {
    // The model is instructed to write this sentence.
    this.instructions = folded(instructions.replaceAll(nothingFound, ''));
    this.fence = fence.toLowerCase();
  }

  /** @returns true if this text, together with everything passed before, reveals the prompt */
  tells(text: string): boolean {
    const seen = folded(this.tail + text);
    this.tail = seen.slice(-(longestShared + this.fence.length));
    return seen.includes(this.fence) || this.sharesARun(seen);
  }

  private sharesARun(text: string): boolean {
    // Every run of the length holds one that begins at a multiple of half of it.
    const step = longestShared / 2;
    for (let at = 0; at + step <= text.length; at += 1) {
      const half = text.slice(at, at + step);
      if (!this.instructions.includes(half)) continue;
      if (this.instructions.includes(text.slice(at, at + longestShared)) && text.length >= at + longestShared)
        return true;
    }
    return false;
  }
}

function folded(text: string): string {
  return text.replace(/\s+/gu, ' ').toLowerCase();
}
