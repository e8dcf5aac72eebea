/** What the farm's GitHub App is and may. Pure. */

const nameMax = 34;

/**
 * The manifest from which GitHub makes the App.
 * @shape farm address of the farm, no slash at the end; one that only its own machine reaches gets no webhook, and is asked by polls
 * @source GitHub: registering a GitHub App from a manifest
 */
export function manifestOf(farm: string): Readonly<Record<string, unknown>> {
  const host = /^https?:\/\/(\[[^\]]+\]|[^/:]+)/.exec(farm)?.[1] ?? 'farm';
  const isPrivate = /^(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|\[)/.test(host);
  return {
    name: `wheelfarm ${host.replace(/[[\]:]/g, '')}`.slice(0, nameMax), url: farm, redirect_url: `${farm}/github/app`, public: false,
    description: 'Builds, tests, signs and publishes wheels of every release.',
    default_permissions: { metadata: 'read', contents: 'read', checks: 'write', issues: 'write', pull_requests: 'write' },
    ...(isPrivate ? {} : { hook_attributes: { url: `${farm}/hooks/github`, active: true }, default_events: ['push', 'release', 'repository', 'issue_comment'] }),
  };
}
