import type { Card } from './failure.ts';

const card = (blame: Card['blame'], retry: Card['retry'], http: number, says: string, next: string): Card =>
  ({ blame, retry, http, says, next });

/** Errors about repositories, their registration and what they send. Part of `cards`. */
export const repositoryCards = {
  FARM_REPOSITORY_ADDRESS: card('project', 'never', 400, '{what} is no repository that can be cloned: {why}.',
    'Give owner/repo, owner/repo@ref, owner/repo@ref#folder, or an https address.'),
  FARM_REPOSITORY_UNKNOWN: card('project', 'never', 404, 'There is no repository {repository}, or this farm may not see it.',
    'Check the spelling. A private repository is read once it is registered, with the farm\'s App or token: ./farm register; else send its sdist or its folder.'),
  FARM_REPOSITORY_UNREACHABLE: card('world', 'backoff', 502, '{repository} could not be asked: {why}.',
    'Nothing to do for a registered repository: it is asked again. Else check the network and try again.'),
  FARM_REPOSITORY_LIMIT: card('world', 'backoff', 503, '{repository} asks to wait: {why}.',
    'Nothing to do: it is asked again then. With a GitHub App or a token the limit is higher.'),
  FARM_REPOSITORY_NO_PROJECT: card('project', 'never', 422, '{repository} has neither pyproject.toml nor setup.py in {folder} at {commit}.',
    'Name the folder of the project after #: owner/repo#folder.'),
  FARM_REF_UNKNOWN: card('project', 'never', 404, '{repository} has no tag and no branch {ref}.',
    'Check the spelling; a commit is given with all its 40 digits.'),
  FARM_COMMIT_GONE: card('project', 'never', 422, '{repository} does not give the commit {commit} out.',
    'Push the commit again, or build another one.'),
  FARM_CLONE_FAILED: card('world', 'backoff', 502, '{repository} could not be cloned: {why}.',
    'It is tried again; see the log for what git said.'),
  FARM_CLONE_TOO_BIG: card('project', 'never', 413, 'The clone of {repository} is over a limit: {limit}.',
    'Release an sdist and build that one: ./farm build name==version.'),
  FARM_SUBMODULE_REFUSED: card('project', 'never', 422, 'A submodule of {repository} is not fetched from {url}.',
    'Use an https address that everybody reaches, without a password.'),
  FARM_TAG_VERSION: card('project', 'never', 422, 'The tag {tag} of {repository} says {expected}; what is built from it says {found}.',
    'Set the version in the project to {expected} and tag that commit, or tag {found}; a tag that was released is not moved.'),
  FARM_TAG_MOVED: card('project', 'never', 409,
    'The tag {tag} of {repository} moved after its release: {before} was released, {after} is there now.',
    'Move it back ({before}), or release a new version. Nothing is built from a tag that moved.'),
  FARM_NAME_HELD: card('project', 'never', 403, 'The name {project} is held by {owner}; {repository} cannot register it.',
    'Release {project} once from {repository} with a Trusted Publisher, name it in the project’s URLs, or ask an admin of this farm for an approval.'),
  FARM_REPOSITORY_NOT_ADMIN: card('project', 'never', 403, '{who} may not administer {repository}.',
    'Ask somebody who may, or give the farm a token of such a person: ./farm register --token-file FILE'),
  FARM_GITHUB_TOKEN: card('project', 'never', 401, 'GitHub does not know who asks: {why}.',
    'Give the farm a token: ./farm register --token-file FILE'),
  FARM_REGISTERED: card('project', 'never', 409, '{project} is registered already, for {owner}.',
    'Take that registration away first, or go on with it.'),
  FARM_WEBHOOK_SIGNATURE: card('project', 'never', 401, 'The signature of the webhook is not right.',
    'Set the webhook’s secret to the one that this farm shows: ./farm register --webhook'),
} as const satisfies Record<string, Card>;
