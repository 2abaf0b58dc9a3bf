import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A value of a template: JSON, in which an object with one member `Ref` or `Fn::…` is an intrinsic. */
export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplateValue[]
  | { readonly [member: string]: TemplateValue };

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, TemplateValue>>;
  readonly Condition?: string;
  readonly DependsOn?: string | readonly string[];
}

export interface Template {
  readonly Resources?: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<
    Record<
      string,
      { readonly Value: TemplateValue; readonly Export?: { readonly Name: TemplateValue }; readonly Condition?: string }
    >
  >;
  readonly Parameters?: Readonly<
    Record<string, { readonly Type: string; readonly Default?: string | number; readonly Description?: string }>
  >;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, TemplateValue>>>>>>;
  readonly Conditions?: Readonly<Record<string, TemplateValue>>;
}

export interface TemplateStack {
  readonly name: string;
  readonly template: Template;
  /** Hash of an asset, which the template names as its S3 key → absolute path. */
  readonly assets: ReadonlyMap<string, string>;
}

/** Something in the assembly that this reader cannot give a local meaning; says where it stands. */
export class AssemblyError extends Error {
  constructor(stack: string, logicalId: string, reason: string) {
    super(`${stack}/${logicalId}: ${reason}`);
    this.name = 'AssemblyError';
  }
}

interface Manifest {
  readonly artifacts?: Readonly<
    Record<
      string,
      { readonly type: string; readonly properties?: { readonly templateFile?: string; readonly stackName?: string } }
    >
  >;
}

/** Reads every stack of a synthesised cloud assembly (`cdk.out`). Throws when there is none. */
export function readTemplates(directory: string): readonly TemplateStack[] {
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest;
  const stacks = Object.entries(manifest.artifacts ?? {})
    .filter(([, artifact]) => artifact.type === 'aws:cloudformation:stack')
    .map(([id, artifact]) => {
      const file = artifact.properties?.templateFile;
      if (file === undefined) throw new AssemblyError(id, 'manifest', 'the stack names no template file');
      return {
        name: artifact.properties?.stackName ?? id,
        template: JSON.parse(readFileSync(join(directory, file), 'utf8')) as Template,
        assets: readAssets(directory, `${id}.assets.json`),
      };
    });
  if (stacks.length === 0) throw new AssemblyError(directory, 'manifest', 'the assembly holds no stack');
  return stacks;
}

interface AssetManifest {
  readonly files?: Readonly<Record<string, { readonly source: { readonly path?: string } }>>;
}

function readAssets(directory: string, file: string): ReadonlyMap<string, string> {
  const path = join(directory, file);
  if (!existsSync(path)) return new Map();
  const { files = {} } = JSON.parse(readFileSync(path, 'utf8')) as AssetManifest;
  return new Map(
    Object.entries(files).flatMap(([hash, { source }]) =>
      source.path === undefined ? [] : [[hash, join(directory, source.path)] as const],
    ),
  );
}
