/**
 * Writes dashboard/openapi.ts, the types of the API's client, from the document that the API serves: infra/generate.ts and
 * the gate call it, nothing of it is committed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeApp, type AppParts } from '../orchestrator/api/app.ts';
import { accountRoutes } from '../orchestrator/api/routes/accounts.ts';
import { editRoutes } from '../orchestrator/api/routes/edits.ts';
import { imageRoutes } from '../orchestrator/api/routes/images.ts';
import { importRoutes } from '../orchestrator/api/routes/imports.ts';
import { registrationRoutes } from '../orchestrator/api/routes/registrations.ts';
import { sessionRoutes } from '../orchestrator/api/routes/session.ts';

/** Where the types stand. */
export const clientFile = join(import.meta.dirname, '..', 'dashboard', 'openapi.ts');

/** A port that nobody asks anything: routes are described, not called. */
const silent = new Proxy({}, { get: () => () => { throw new Error('nothing is asked while routes are described'); } }) as never;

/** The document of an application that has every route of the API. */
export async function apiDocument(): Promise<OpenApi> {
  const parts: AppParts = {
    guard: { apiToken: '', workerToken: '', hosts: null },
    facts: { farmId: '', version: '', url: '', startedAt: new Date(0), clock: { now: () => new Date(0) }, trustFingerprint: async () => '' },
    builds: silent, attempts: silent, sources: silent, tallies: silent, door: silent, pages: silent, live: silent,
    more: [(server) => editRoutes(server, { edits: silent }), (server) => accountRoutes(server, { accounts: silent }),
      (server) => imageRoutes(server, { images: silent }),
      (server) => registrationRoutes(server, { registrations: silent, webhooks: silent, github: silent, githubView: silent }), (server) => importRoutes(server, { imports: silent }),
      (server) => sessionRoutes(server, { accounts: silent, cookie: 'farm', url: 'http://farm.example', local: false })],
  };
  const app = await makeApp(parts);
  const { payload } = await app.inject({ url: '/api/openapi.json' });
  await app.close();
  return JSON.parse(payload) as OpenApi;
}

interface OpenApi { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }
interface Parameter { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: Schema }
interface Content { readonly content?: { readonly 'application/json'?: { readonly schema: Schema } } }
interface Operation {
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** The types of a document, in the form that openapi-fetch reads. Pure. */
export function clientText({ paths }: OpenApi): string {
  const shown = Object.entries(paths).filter(([path]) => path.startsWith('/api/')).sort(([a], [b]) => (a < b ? -1 : 1));
  return `// Made by infra/generate.ts from /api/openapi.json; not to be edited.
export interface paths {
${shown.map(([path, methods]) => `  ${JSON.stringify(path)}: {
${Object.entries(methods).sort(([a], [b]) => (a < b ? -1 : 1)).map(([method, one]) => operationText(method, one)).join('\n')}
  };`).join('\n')}
}
`;
}

function operationText(method: string, { summary, parameters, requestBody, responses }: Operation): string {
  const places = ['path', 'query'].map((place) => {
    const named = parameters.filter((one) => one.in === place);
    if (named.length === 0) return `${place}?: never`;
    const some = named.some(({ required }) => required) ? '' : '?';
    return `${place}${some}: { ${named.map((one) => `${one.name}${one.required ? '' : '?'}: ${typeText(one.schema)}`).join('; ')} }`;
  });
  const body = requestBody?.content?.['application/json']?.schema;
  const answer = responses['2XX']?.content?.['application/json']?.schema;
  return `    /** ${summary} */
    ${method}: {
      parameters: { ${places.join('; ')} };
      requestBody${body ? `: { content: { 'application/json': ${typeText(body)} } }` : '?: never'};
      responses: {
        '2XX': { headers: Record<string, string>; content: ${answer ? `{ 'application/json': ${typeText(answer)} }` : '{}'} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };`;
}

/** A JSON Schema as a TypeScript type; what is not known is `unknown`. Pure. */
export function typeText(schema: Schema): string {
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeText))].join(' | ');
  if (schema.type === 'array') return `(${typeText(schema.items ?? {})})[]`;
  if (schema.type === 'integer') return 'number';
  if (schema.type === 'object') {
    if (schema.properties) {
      const required = new Set(schema.required ?? []);
      return `{ ${Object.entries(schema.properties).map(([name, one]) => `${JSON.stringify(name)}${required.has(name) ? '' : '?'}: ${typeText(one)}`).join('; ')} }`;
    }
    const [of] = Object.values(schema.patternProperties ?? {});
    return `Record<string, ${of ? typeText(of) : 'unknown'}>`;
  }
  return ['string', 'number', 'boolean', 'null'].includes(schema.type ?? '') ? String(schema.type) : 'unknown';
}

/** Writes the types where they changed; answers the file. */
export async function writeApiTypes(): Promise<string> {
  const text = clientText(await apiDocument());
  if (await readFile(clientFile, 'utf8').catch(() => '') !== text) await writeFile(clientFile, text);
  return clientFile;
}
