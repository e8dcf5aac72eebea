import { describe, expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();
const patched = (files: Readonly<Record<string, string>>, ...diffs: readonly string[]) => ask(`
import os, tempfile, patches
with tempfile.TemporaryDirectory() as folder:
    src = os.path.join(folder, "src")
    for name, text in given["files"].items():
        os.makedirs(os.path.dirname(os.path.join(src, name)), exist_ok=True)
        open(os.path.join(src, name), "w", newline="").write(text)
    patches.apply_patches(src, given["diffs"])
    answer = {os.path.relpath(os.path.join(at, name), src): open(os.path.join(at, name), newline="").read()
              for at, _, names in os.walk(src) for name in names}`, { files, diffs });

const change = '--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n';

describe('patches of a recipe', () => {
  it('change, move with the text, make and remove files', async () => {
    expect(await patched({ 'x.c': 'one\ntwo\nthree\n' }, change)).toEqual({ 'x.c': 'one\n2\nthree\n' });
    expect(await patched({ 'x.c': '0\n0\none\ntwo\nthree\n' }, change)).toEqual({ 'x.c': '0\n0\none\n2\nthree\n' });
    expect(await patched({ 'x.c': 'one\r\ntwo\r\nthree\r\n' }, change)).toEqual({ 'x.c': 'one\r\n2\r\nthree\r\n' });
    expect(await patched({ 'x.c': 'a\n' }, '--- /dev/null\n+++ b/new/y\n@@ -0,0 +1,2 @@\n+1\n+2\n', '--- a/x.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n'))
      .toEqual({ 'new/y': '1\n2\n' });
  });
  it.each([
    ['other text', { 'x.c': 'one\n22\nthree\n' }, change, 'x.c is other than it says near line 1'],
    ['no such file', { y: '' }, change, 'the sdist has no x.c'],
    ['a path that climbs', { y: '' }, change.replaceAll('/x.c', '/../../x.c'), 'a/../../x.c leaves the source'],
    ['no diff', { y: '' }, 'hello', 'it changes no file'],
    ['half a hunk', { 'x.c': 'one\n' }, '--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n one\n', 'its last hunk ends too early'],
  ])('with %s fail by name', async (_, files, diff, why) => {
    expect(await patched(files as unknown as Record<string, string>, diff)).toEqual({ code: 'FARM_PATCH_FAILED', words: { number: '1', why: why.replace('a/../../x.c', 'b/../../x.c') } });
  });
});
