/** What the local Lambda service and a runtime process say to each other. Payloads are JSON text, as in Lambda's own runtime API. */
export type MessageToRuntime =
  | { readonly type: 'invoke'; readonly invocation: RuntimeInvocation }
  | { readonly type: 'acknowledge'; readonly requestId: string }
  | { readonly type: 'reader_gone'; readonly requestId: string };

export type MessageFromRuntime =
  | { readonly type: 'ready' }
  | { readonly type: 'initialisation_failed'; readonly error: FunctionError }
  | { readonly type: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly type: 'failed'; readonly requestId: string; readonly error: FunctionError }
  | { readonly type: 'chunk'; readonly requestId: string; readonly contentType: string; readonly data: Uint8Array };

export interface RuntimeInvocation {
  readonly requestId: string;
  readonly event: string;
  readonly deadline: number;
  readonly functionArn: string;
  readonly traceId: string;
}

/** The payload of an invocation that failed, as Lambda answers it. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** Chunks that a runtime may have under way before it waits: enough to keep the pipe full, little enough to hold back a fast writer. */
export const chunksUnderWay = 8;
