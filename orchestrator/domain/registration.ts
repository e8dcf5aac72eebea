/** Who may register which name: decided from what GitHub and the upstream index say. Pure. */
import { failure, type Failure } from './failure.ts';
import { matchesGlob } from './plan.ts';

/** Why a name is a repository's. Stored with the registration. */
export interface NameProof {
  /** `free`: no index has the name. `publisher`: its releases were published by the repository's workflow. */
  readonly kind: 'free' | 'publisher' | 'project-url' | 'approval' | 'watched';
  readonly evidence: string;
  readonly by: string;
  readonly at: string;
}

/** What the upstream index has of a name. */
export interface NameHolder {
  readonly version: string;
  /** `owner/repo` of the Trusted Publishers in the provenance of the newest release that has one. */
  readonly publishers: readonly string[];
  /** Home-Page and Project-URL of the newest release: its owner's word for where it comes from. */
  readonly urls: readonly string[];
}

/** `owner/repo` of an address on that GitHub; null for any other. */
export function repositoryOf(address: string, githubUrl: string): string | null {
  const found = /^(?:git\+)?https?:\/\/(?:www\.)?([^/?#\s]+)\/([\w.-]+)\/([\w.-]+?)(?:\.git)?(?:[/?#].*)?$/i.exec(address.trim());
  const [, host = '', owner = '', name = ''] = found ?? [];
  return found && `https://${host.toLowerCase()}` === githubUrl.toLowerCase().replace(/^http:/, 'https:') ? `${owner}/${name}` : null;
}

/**
 * The proof that a repository owns a name, or the failure that says who holds it.
 * @shape holder null where no index has the name; approval an admin's logged word that it is theirs
 */
export function proveName(claim: {
  readonly project: string; readonly fullName: string; readonly githubUrl: string; readonly holder: NameHolder | null;
  readonly approval: { readonly by: string; readonly why: string } | null; readonly by: string; readonly at: string;
}): NameProof | Failure {
  const { project, fullName, holder, approval, by, at } = claim;
  const own = (other: string): boolean => other.toLowerCase() === fullName.toLowerCase();
  if (!holder) return { kind: 'free', evidence: 'no index has the name', by, at };
  const named = holder.urls.flatMap((url) => repositoryOf(url, claim.githubUrl) ?? []);
  // A publisher is proven by a signature; an address is the owner's word, which counts where nothing is proven.
  const [publisher] = holder.publishers;
  if (holder.publishers.some(own)) return { kind: 'publisher', evidence: `${project} ${holder.version} was published by ${fullName}`, by, at };
  if (publisher === undefined && named.some(own)) return { kind: 'project-url', evidence: `${project} ${holder.version} names ${fullName} as its address`, by, at };
  if (approval) return { kind: 'approval', evidence: approval.why, by: approval.by, at };
  return failure('FARM_NAME_HELD', 'plan', { project, owner: publisher ?? named[0] ?? 'somebody who names no repository', repository: fullName });
}

/** A finding of the readiness report. */
export interface Finding {
  readonly level: 'good' | 'hint' | 'bad';
  readonly says: string;
  /** What to do about it; empty where it is good. */
  readonly fix: string;
}

/** What was read of a repository, for the report. */
export interface Readiness {
  readonly name: string | null;
  readonly hasPyproject: boolean;
  readonly hasSetupPy: boolean;
  readonly buildBackend: string | null;
  readonly dynamicVersion: boolean;
  readonly requiresPython: string | null;
  readonly hasCibuildwheel: boolean;
  readonly unsupported: readonly { readonly option: string; readonly why: string }[];
  readonly versionTags: number;
  readonly tagsRead: number;
  readonly moreTags: boolean;
  readonly archived: boolean;
  readonly private: boolean;
  readonly sdistUpstream: boolean | null;
}

/** The readiness report: what works, what could be better and how. */
export function readinessOf(read: Readiness): readonly Finding[] {
  const good = (says: string): Finding => ({ level: 'good', says, fix: '' });
  const hint = (says: string, fix: string): Finding => ({ level: 'hint', says, fix });
  const bad = (says: string, fix: string): Finding => ({ level: 'bad', says, fix });
  return [
    read.hasPyproject ? good('pyproject.toml is there') : read.hasSetupPy
      ? hint('there is a setup.py and no pyproject.toml', 'Add a pyproject.toml with [build-system]; setup.py alone is built with the newest setuptools.')
      : bad('there is neither pyproject.toml nor setup.py', 'Name the folder of the project after #, or add a pyproject.toml.'),
    ...(read.hasPyproject && read.buildBackend === null
      ? [hint('pyproject.toml has no [build-system]', 'Add build-system.requires and build-system.build-backend, so that every build takes the same backend.')] : []),
    ...(read.name === null ? [hint('the name of the project stands in no pyproject.toml', 'Give the name when you register, or move it to [project].')] : [good(`the project is ${read.name}`)]),
    read.versionTags > 0 ? good(`${read.versionTags} tags name versions`)
      : hint('no tag names a version', 'Tag the next release, for example v1.0.0: a pushed tag is what is built.'),
    ...(read.moreTags ? [hint(`only the first ${read.tagsRead} tags were read`, 'Nothing to do: new tags are seen whichever way.')] : []),
    ...(read.dynamicVersion ? [good('the version comes from the tag or the code')] : []),
    ...(read.requiresPython === null ? [hint('requires-python is not set', 'Set it: else wheels are built for every Python of the farm.')] : []),
    read.hasCibuildwheel ? good('[tool.cibuildwheel] is read') : hint('no [tool.cibuildwheel]', 'Nothing to do: every target of the farm is built; the table would choose among them.'),
    ...read.unsupported.map(({ option, why }) => hint(`${option} is not followed: ${why}`, 'See the build log of the first release.')),
    ...(read.private ? [hint('the repository is private', 'Whoever reaches this farm can read its sdists, wheels, logs and pages; nothing else of the repository is shown.')] : []),
    ...(read.archived ? [bad('the repository is archived', 'Nothing new will come; register the name on the index instead.')] : []),
    ...(read.sdistUpstream === false ? [hint('the newest release on the index has no sdist', 'Publish one, so that others can build it too.')] : []),
  ];
}

/** The targets that are proposed: all of the farm that the project does not skip. */
export const proposedTargets = (targets: readonly string[], skips: (target: string) => boolean): readonly string[] =>
  targets.filter((target) => !skips(target));

/** Whether one of the globs takes a target; no glob takes all. */
export const takesTarget = (globs: readonly string[], target: string): boolean =>
  globs.length === 0 || globs.some((glob) => matchesGlob(glob, target));
