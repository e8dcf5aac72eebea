import { describe, expect, it } from 'vitest';
import { fatFile, machOFile, peFile } from '../../../support/binaries.ts';
import { python } from './python.ts';

const ask = python();
/** What the box says of a file, where the control plane says it in test/unit/domain/binary-audit.test.ts. */
const judge = async (bytes: Buffer, expect_: object, more: { companions?: string[]; versioned?: boolean } = {}): Promise<unknown> => ask(`
import base64, struct, foreign
raw = base64.b64decode(given["raw"])
kind = foreign.kind_of(raw[:16], given["name"])
try:
    one = {"pe": foreign.PortableExecutable, "mach-o": foreign.MachO}[kind](given["name"], raw)
    foreign.check_foreign(one, given["expect"], given["target"], set(given["companions"]), given["versioned"])
except (ValueError, struct.error) as error:
    answer = {"misformed": str(error)}
`, {
  raw: bytes.toString('base64'), expect: expect_, companions: more.companions ?? ['x.pyd', 'x.so'], versioned: more.versioned ?? true,
  ...'coffMachine' in expect_ ? { name: 'x.pyd', target: 'cp313-win_amd64' } : { name: 'x.so', target: 'cp313-macosx_arm64' },
});
const windows = { coffMachine: 0x8664, pythonDll: 'python313.dll' };
const macos = { cpuType: 0x0100000c, floor: [11, 0] };

describe('the audit in the box', () => {
  it('lets pass what the control plane lets pass', async () => {
    expect(await judge(peFile({ imports: ['python313.dll', 'KERNEL32.dll', 'api-ms-win-crt-heap-l1-1-0.dll'] }), windows)).toBeNull();
    expect(await judge(peFile({ imports: ['python3.dll'] }), windows, { versioned: false })).toBeNull();
    expect(await judge(machOFile(), macos)).toBeNull();
    expect(await judge(fatFile([{ cpuType: 0x01000007, bytes: machOFile({ cpuType: 0x01000007 }) }, { cpuType: 0x0100000c, bytes: machOFile() }]), macos)).toBeNull();
  });

  it.each([
    ['another machine', peFile({ machine: 0xaa64 }), windows, { code: 'FARM_AUDIT_MACHINE' }],
    ['another Python', peFile({ imports: ['python311.dll'] }), windows, { code: 'FARM_AUDIT_LIBRARY', words: { library: 'python311.dll' } }],
    ['a DLL that Windows has not', peFile({ imports: ['libstdc++-6.dll'] }), windows, { code: 'FARM_AUDIT_LIBRARY' }],
    ['another processor', machOFile({ cpuType: 0x01000007 }), macos, { code: 'FARM_AUDIT_MACHINE' }],
    ['a newer macOS', machOFile({ minimum: [12, 0] }), macos, { code: 'FARM_AUDIT_FLOOR' }],
    ['no signature', machOFile({ signed: false }), macos, { code: 'FARM_AUDIT_SIGNATURE', words: { why: 'it has none' } }],
    ['a path of elsewhere', machOFile({ libraries: ['/opt/homebrew/lib/libz.dylib'] }), macos, { code: 'FARM_AUDIT_LIBRARY' }],
    ['a search path of the build', machOFile({ searchPaths: ['/work/env/lib'] }), macos, { code: 'FARM_AUDIT_LIBRARY' }],
    ['a cut PE file', peFile().subarray(0, 0x90), windows, { misformed: expect.any(String) as string }],
    ['a cut Mach-O file', machOFile().subarray(0, 0x30), macos, { misformed: expect.any(String) as string }],
  ])('refuses %s', async (_what, bytes, expected, answer) => {
    expect(await judge(bytes, expected)).toMatchObject(answer);
  });

  it('refuses a signed file in which one byte was changed', async () => {
    const changed = machOFile();
    changed[0x1200] = 1;
    expect(await judge(changed, macos)).toEqual({ code: 'FARM_AUDIT_SIGNATURE', words: { member: 'x.so', why: 'page 1 was changed after it was signed' } });
  });

  it('tells a library by its first bytes and its name', async () => {
    const kinds = await ask('import foreign\nanswer = [foreign.kind_of(bytes(head), name) for head, name in given]', [
      [[0x7f, 0x45, 0x4c, 0x46], 'x'], [[0x4d, 0x5a, 0, 0], 'x.pyd'], [[0x4d, 0x5a, 0, 0], 'launcher.exe'], [[0xcf, 0xfa, 0xed, 0xfe], 'x'],
      [[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2], 'x'], [[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52], 'X.class'], [[0, 0], 'x'],
    ]);
    expect(kinds).toEqual(['elf', 'pe', null, 'mach-o', 'mach-o', null, null]);
  });
});
