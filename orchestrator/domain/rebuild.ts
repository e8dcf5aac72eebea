/** Building a published release again: who asked, why, and what is other than before. */
import type { Assignment } from './shell-words.ts';

/** What a plan says of a rebuild; it makes the plan, and every attempt under it, a new one. */
export interface Rebuild {
  readonly id: string;
  readonly why: string;
  readonly by: string;
  /** The release's sdist: what is built, or what the sdist of another version is made of. */
  readonly from: { readonly filename: string; readonly sha256: string };
  /** Of the new wheels, where the version stays: above every one that was ever used. */
  readonly buildTag?: number;
  /** The version that sdist and wheels get instead. */
  readonly setVersion?: string;
}

/**
 * Where build back ends look for a version that somebody else chose.
 * @source setuptools-scm and hatch-vcs "overrides"; pdm-backend "dynamic version"; pbr; poetry-dynamic-versioning and
 *   uv-dynamic-versioning "bypass". setuptools-scm spells the name in capitals with underscores.
 */
export function versionEnvironment(project: string, version: string): readonly Assignment[] {
  const own = project.replace(/[-_.]+/g, '_').toUpperCase();
  return [
    `SETUPTOOLS_SCM_PRETEND_VERSION_FOR_${own}`, 'SETUPTOOLS_SCM_PRETEND_VERSION', 'PDM_BUILD_SCM_VERSION', 'PBR_VERSION',
    'POETRY_DYNAMIC_VERSIONING_BYPASS', 'UV_DYNAMIC_VERSIONING_BYPASS',
  ].map((name) => ({ name, parts: [{ text: version }] }));
}
