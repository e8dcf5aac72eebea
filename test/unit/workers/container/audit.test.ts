import { describe, expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();

describe('the stable ABI', () => {
  const judge = (wants: readonly string[], tags: readonly string[][]) => ask(`
import types, stableabi
one = types.SimpleNamespace(member="x.abi3.so", format="elf", wants=set(given["wants"]))
wheel = types.SimpleNamespace(read=lambda member: b"")
tags = [types.SimpleNamespace(interpreter=python, abi=abi) for python, abi in given["tags"]]
stableabi.check_stable(wheel, "x.whl", [one], tags)
answer = "passed"
`, { wants, tags });

  it.each([
    ['names of it', ['PyList_New', 'PyUnicode_FromString', 'malloc'], [['cp39', 'abi3']]],
    ['a name that a later version added, in a wheel for that one', ['PyType_GetName'], [['cp311', 'abi3']]],
    ['anything, in a wheel for one Python', ['PyUnicode_New', '_PyLong_New'], [['cp311', 'cp311']]],
  ])('has %s', async (_what, wants, tags) => expect(await judge(wants, tags)).toBe('passed'));

  it.each([
    ['a name that is not of it', ['PyList_New', 'PyUnicode_New'], [['cp39', 'abi3']], 'PyUnicode_New'],
    ['a private name', ['_PyLong_New'], [['cp311', 'abi3']], '_PyLong_New'],
    ['a name of a later version than the oldest tag', ['PyType_GetName'], [['cp311', 'abi3'], ['cp39', 'abi3']], 'PyType_GetName, which Python 3.9 has not'],
  ])('has not %s', async (_what, wants, tags, why) => {
    expect(await judge(wants, tags)).toMatchObject({ code: 'FARM_AUDIT_STABLE_ABI', words: { member: 'x.abi3.so', why: expect.stringContaining(why) as string } });
  });
});

describe('notes of the audit', () => {
  // What audit.py imports is the farm's own venv in an image; these lines need none of it.
  const notes = (members: Readonly<Record<string, string>>) => ask(`
import ast, collections, hashlib, types
tree = ast.parse(open("audit.py").read())
wanted = [each for each in tree.body if getattr(each, "name", "") == "notes_on" or getattr(getattr(each, "targets", [None])[0], "id", "") == "LEAKS"]
space = {"collections": collections}
exec(compile(ast.Module(wanted, []), "audit.py", "exec"), space)
wheel = types.SimpleNamespace(read=lambda member: given[member].encode())
objects = [types.SimpleNamespace(member=name, sha256=hashlib.sha256(text.encode()).hexdigest()) for name, text in given.items()]
answer = space["notes_on"](wheel, objects)
`, members);

  it('name a path of the build that was left in an object', async () => {
    expect(await notes({ 'a.so': 'x /work/src/a.c y', 'b.so': 'clean' })).toEqual(['a.so has the build path /work/src in it']);
  });

  it('name one object that lies under several names', async () => {
    expect(await notes({ 'a.so': 'same', 'b/a.so': 'same', 'c.so': 'other' })).toEqual(['one file under several names: a.so, b/a.so']);
  });
});
