import type { Resolved } from './intrinsics.ts';
import type { TemplateStack } from './template.ts';

/** A resource whose condition holds. */
export interface Resource {
  readonly stack: TemplateStack;
  readonly logicalId: string;
  readonly type: string;
  readonly dependsOn: readonly string[];
  /** The resolved properties; evaluated when first read. */
  readonly properties: Properties;
}

export type Properties = Readonly<Record<string, Resolved>>;
