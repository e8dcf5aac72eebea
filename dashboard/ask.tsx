import { useState, type FormEvent, type ReactElement } from 'react';
import { go, pathOf } from './address.ts';
import { answerOf, client, Refused } from './client.ts';
import { useLoaded } from './load.ts';
import { A, Refusal, Waiting } from './parts.tsx';
import { platformName } from './words.ts';

/** Platforms that people ask for and that a catalogue may not have yet. */
const known = [
  'manylinux_x86_64', 'manylinux_aarch64', 'manylinux_armv7l', 'manylinux_ppc64le', 'manylinux_s390x', 'manylinux_riscv64', 'manylinux_i686',
  'musllinux_x86_64', 'musllinux_aarch64', 'musllinux_armv7l', 'win_amd64', 'win_arm64', 'win32', 'macosx_x86_64', 'macosx_arm64',
  'android_arm64_v8a', 'ios_arm64_iphoneos', 'pyodide_wasm32',
];

/** Anybody asks for a platform; the owners see how many did, and why. */
export default function AskPage({ name }: { name: string }): ReactElement {
  const { value, refused } = useLoaded(`project ${name}`, () => answerOf(client.GET('/api/projects/{name}', { params: { path: { name } } })));
  const [platform, setPlatform] = useState('');
  const [why, setWhy] = useState('');
  const [sent, setSent] = useState<Refused | null>(null);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    setSent(null);
    answerOf(client.POST('/api/projects/{name}/asks', { params: { path: { name } }, body: { platform, why } }))
      .then(() => go(pathOf('projects', name)), (error: unknown) => setSent(error instanceof Refused ? error : null));
  };
  return (
    <>
      <p className="crumb"><A to="/">Projects</A> <A to={pathOf('projects', name)}>{name}</A></p>
      <h1>Ask for a platform</h1>
      <Refusal refused={refused} />
      {value ? (
        <form className="start first" onSubmit={send}>
          <p>Which platform do you miss wheels of {value.displayName} for? Its maintainers see how many asked.</p>
          <label>Platform
            <select required value={platform} onChange={(event) => setPlatform(event.target.value)}>
              <option value="">Choose one</option>
              {[...new Set([...known, ...value.platforms])].map((one) => <option key={one} value={one}>{platformName(one)} ({one})</option>)}
            </select></label>
          <label>What for? (may stay empty, everybody can read it)<textarea maxLength={300} rows={3} value={why} onChange={(event) => setWhy(event.target.value)} /></label>
          <button type="submit" className="main">Ask</button>
          <Refusal refused={sent} />
        </form>
      ) : refused ? null : <Waiting />}
    </>
  );
}
