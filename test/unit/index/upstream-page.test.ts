import { describe, expect, it } from 'vitest';
import { parseUpstreamPage, proxiedFiles } from '../../../orchestrator/adapters/upstream-page.ts';

const digest = 'ab'.repeat(32);
const html = (body: string): ReturnType<typeof parseUpstreamPage> =>
  parseUpstreamPage({ text: body, contentType: 'text/html', url: 'https://index.invalid/simple/demo/', project: 'demo' });

describe('an HTML page', () => {
  it('is read with its attributes, entities and relative links', () => {
    const page = html(`<!DOCTYPE html><!-- <a href="x#sha256=${digest}">no</a> -->
      <A class=x HREF='../../f/demo-1.0.tar.gz#sha256=${digest}' data-requires-python="&gt;=3.8" data-yanked="it&#39;s &amp; old"
        data-core-metadata="sha256=${digest}" data-upload-time="2020-01-01T00:00:00Z">demo-1.0.tar.gz</A>`);
    expect(page.files).toEqual([{
      filename: 'demo-1.0.tar.gz', url: 'https://index.invalid/f/demo-1.0.tar.gz', sha256: digest, bytes: null,
      uploadTime: '2020-01-01T00:00:00Z', requiresPython: '>=3.8', yanked: "it's & old", metadataSha256: digest,
    }]);
    expect(page.versions).toEqual(['1.0']);
  });

  it('takes an empty yank as a yank, and no attribute as none', () => {
    const page = html(`<a href="demo-1.tar.gz#sha256=${digest}" data-yanked></a><a href="demo-2.tar.gz#sha256=${digest}"></a>`);
    expect(page.files.map((file) => file.yanked)).toEqual([true, false]);
  });

  it('leaves out files without a digest, other tags, links without an address', () => {
    expect(html(`<a href="demo-1.tar.gz"></a><a name=x></a><abbr href="y"></abbr><a href="demo-1.tar.gz#md5=00">`).files).toEqual([]);
  });

  it('minds > inside quotes and a base', () => {
    const page = html(`<base href="https://files.invalid/x/"><a title="a > b" href="demo-1%2B2.tar.gz#egg=q&sha256=${digest}">t</a>`);
    expect(page.files[0]).toMatchObject({ filename: 'demo-1+2.tar.gz', url: 'https://files.invalid/x/demo-1%2B2.tar.gz' });
  });

  it('is read in linear time, closed or not', () => {
    const started = performance.now();
    html('<a '.repeat(400_000));
    html(`<a href="${'"<a '.repeat(200_000)}`);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('a page of the farm', () => {
  it('lists what installers read, old suffixes too', () => {
    const page = html(['demo-1.0.tar.bz2', 'demo-1.1.tgz', 'demo-1.2-py2.7.egg', 'demo-1.3.exe', 'demo-2.0-py3-none-any.whl', 'else-9.tar.gz']
      .map((name, at) => `<a href="${name}#sha256=${at}${digest.slice(1)}"></a>`).join(''));
    const files = proxiedFiles(page);
    expect(files.map((file) => file.version)).toEqual(['1.0', '1.1', '2.0']);
    expect(files[0]?.url).toBe(`../../files/0b/ab/${digest.slice(4)}/demo-1.0.tar.bz2`);
  });
});
