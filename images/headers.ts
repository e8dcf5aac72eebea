/** Which library has a header that a compiler did not find. */
import headers from './external/headers.json' with { type: 'json' };

const known: Readonly<Record<string, string>> = headers;

/** What a person writes into pyproject.toml to have the library of a header. @source PEP 725 */
export function externalLine(header: string): string {
  const library = known[header];
  const line = `[external] and below it host-requires = ["${library ?? 'dep:generic/NAME'}"]`;
  return library ? line : `${line}, NAME being the library that has ${header}`;
}
