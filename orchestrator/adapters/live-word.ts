import type { LiveWord } from '../page-ports.ts';

/** An event as its text on the wire; an empty id leaves the page's last id as it is. JSON has no line break of its own. */
export const wordOf = (id: string, event: string, value: unknown): LiveWord =>
  ({ id, text: `${id === '' ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(value)}\n\n` });
