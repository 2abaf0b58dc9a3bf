import type { EventSinks } from './event-sinks.ts';

export interface IngestionEvents {
  uploadRejected(event: { key: string; reason: string }): void;
  documentAccepted(event: { workspaceId: string; documentId: string; version: number; bytes: number | null }): void;
  documentIngested(event: {
    workspaceId: string;
    documentId: string;
    version: number;
    outcome: string;
    milliseconds: number;
  }): void;
  chunksEmbedded(event: {
    embedded: number;
    ready: number;
    refused: number;
    postponed: number;
    milliseconds: number;
  }): void;
  embeddingWaits(event: { reason: string; chunks: number; seconds: number | null }): void;
}

export function createIngestionEvents({ count, time, logger }: EventSinks): IngestionEvents {
  return {
    uploadRejected(event) {
      count('UploadRejected');
      logger().warn('upload rejected', { upload: event });
    },
    documentAccepted(event) {
      count('DocumentAccepted');
      logger().info('document accepted', { document: event });
    },
    documentIngested(event) {
      count(event.outcome === 'failed' ? 'DocumentFailed' : 'DocumentIngested');
      time('IngestDuration', event.milliseconds);
      logger().info('document ingested', { document: event });
    },
    chunksEmbedded(event) {
      count('ChunkEmbedded', event.embedded);
      count('DocumentReady', event.ready);
      count('ChunkRefused', event.refused);
      time('EmbedDuration', event.milliseconds);
      logger().info('chunks embedded', { embedding: event });
    },
    embeddingWaits(event) {
      count('EmbeddingWait');
      logger().warn('embedding waits for the provider', { wait: event });
    },
  };
}
