/** Activities of announced releases: one step each, safe to deliver twice. */
import type { TriggerActivities } from '../contract/activities.ts';
import type { Triggers } from '../github-ports.ts';
import { bordered } from './control.ts';

/** The activities of the workflow `trigger` over their port. */
export const triggerActivities = ({ triggers }: { readonly triggers: Triggers }): TriggerActivities => ({
  advance: ({ triggerId }) => bordered(() => triggers.advance(triggerId)),
});
