/** Who may have signed for a PEP 740 publisher: what its claims demand of a signing certificate. @source STANDARDS 2.2 */

/** What a verified certificate says. @shape extensions: text by the last number of Fulcio's OID arc */
export interface CertificateClaims {
  readonly subject: string;
  readonly issuer: string;
  readonly extension: (number: number) => string | null;
}

/** `attestation_bundles[].publisher` of a provenance object; of another index, so nothing of it is sure. */
export type Publisher = Readonly<Record<string, unknown>>;

const forges: Readonly<Record<string, { readonly issuer: string; readonly home: string; readonly workflow: string; readonly folder: string }>> = {
  GitHub: { issuer: 'https://token.actions.githubusercontent.com', home: 'https://github.com/', workflow: 'workflow', folder: '/.github/workflows/' },
  GitLab: { issuer: 'https://gitlab.com', home: 'https://gitlab.com/', workflow: 'workflow_filepath', folder: '//' },
};

/** A publisher in words: `GitHub pallets/markupsafe publish.yaml`. */
export function publisherWords(publisher: Publisher): string {
  const words = ['kind', 'repository', 'workflow', 'workflow_filepath', 'email', 'project_id', 'identity']
    .flatMap((name) => (typeof publisher[name] === 'string' ? [publisher[name]] : []));
  return words.join(' ') || 'a publisher without a name';
}

/**
 * Why a certificate is not the publisher's; null where it is. `unknown` where this kind of publisher has no rule here.
 */
export function misfit(publisher: Publisher, certificate: CertificateClaims): { readonly unknown: boolean; readonly why: string } | null {
  const kind = String(publisher['kind']);
  const text = (name: string): string => (typeof publisher[name] === 'string' ? publisher[name] : '');
  const differs = (what: string, found: string | null, wanted: string) =>
    ({ unknown: false, why: `its ${what} is ${found ?? 'missing'}, not ${wanted}` });
  const forge = forges[kind];
  if (forge !== undefined) {
    const repository = `${forge.home}${text('repository')}`;
    const workflow = `${repository}${forge.folder}${text(forge.workflow)}@`;
    if (text('repository') === '' || text(forge.workflow) === '') return { unknown: false, why: 'the publisher names no repository and workflow' };
    if (certificate.extension(8) !== forge.issuer) return differs('issuer', certificate.extension(8), forge.issuer);
    if (certificate.extension(12)?.toLowerCase() !== repository.toLowerCase()) return differs('repository', certificate.extension(12), repository);
    const ran = certificate.extension(18);
    return ran?.toLowerCase().startsWith(workflow.toLowerCase()) === true ? null : differs('workflow', ran, workflow);
  }
  if (kind === 'Google') {
    if (certificate.issuer !== 'https://accounts.google.com') return differs('issuer', certificate.issuer, 'https://accounts.google.com');
    return text('email') !== '' && certificate.subject === text('email') ? null : differs('subject', certificate.subject, text('email'));
  }
  if (kind === 'farm') {   // another farm like this one
    if (text('issuer') === '' || certificate.issuer !== text('issuer')) return differs('issuer', certificate.issuer, text('issuer'));
    return text('identity') !== '' && certificate.subject === text('identity') ? null : differs('subject', certificate.subject, text('identity'));
  }
  return { unknown: true, why: `publishers of the kind ${kind} are not known here` };
}
