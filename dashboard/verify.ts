/** The file's place on the index. */
export const filePath = (sha256: string, filename: string): string =>
  `/files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}/${encodeURIComponent(filename)}`;

/** Lines that verify a published file with the stock client. */
export function verifyLines(file: { base: string; sha256: string; filename: string; identity: string; issuer: string }): string {
  const url = file.base + filePath(file.sha256, file.filename);
  return [
    `curl -fsSO ${url} -O ${url}.sigstore.json`,
    `curl -fsSO ${file.base}/.well-known/wheelfarm/trust_config.json`,
    'python -m sigstore --trust-config trust_config.json verify identity --offline \\',
    `  --bundle ${file.filename}.sigstore.json --cert-identity ${file.identity} \\`,
    `  --cert-oidc-issuer ${file.issuer} ${file.filename}`,
  ].join('\n');
}
