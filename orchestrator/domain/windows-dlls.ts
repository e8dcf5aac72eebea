/**
 * DLLs that every supported Windows has, and those that CPython's installer puts beside python.exe (vcruntime140).
 * msvcp140.dll is not among them: a C++ library of the runtime that is not everywhere.
 */
const systemDlls: ReadonlySet<string> = new Set([
  'advapi32.dll', 'avicap32.dll', 'avrt.dll', 'bcrypt.dll', 'bcryptprimitives.dll', 'cfgmgr32.dll', 'comctl32.dll',
  'comdlg32.dll', 'combase.dll', 'credui.dll', 'crypt32.dll', 'cryptbase.dll', 'd2d1.dll', 'd3d9.dll', 'd3d11.dll', 'd3d12.dll',
  'd3dcompiler_47.dll', 'dbgeng.dll', 'dbghelp.dll', 'dnsapi.dll', 'dsound.dll', 'dwmapi.dll', 'dwrite.dll', 'dxgi.dll',
  'dxva2.dll', 'evr.dll', 'gdi32.dll', 'gdiplus.dll', 'glu32.dll', 'hid.dll', 'imagehlp.dll', 'imm32.dll', 'iphlpapi.dll',
  'kernel32.dll', 'kernelbase.dll', 'ktmw32.dll', 'mf.dll', 'mfplat.dll', 'mfreadwrite.dll', 'mmdevapi.dll', 'mpr.dll',
  'msacm32.dll', 'mscms.dll', 'msimg32.dll', 'msvcrt.dll', 'mswsock.dll', 'ncrypt.dll', 'netapi32.dll', 'normaliz.dll',
  'ntdll.dll', 'odbc32.dll', 'ole32.dll', 'oleacc.dll', 'oleaut32.dll', 'opengl32.dll', 'pdh.dll', 'powrprof.dll', 'propsys.dll',
  'psapi.dll', 'rpcrt4.dll', 'rstrtmgr.dll', 'secur32.dll', 'sechost.dll', 'setupapi.dll', 'shcore.dll', 'shell32.dll',
  'shlwapi.dll', 'sspicli.dll', 'ucrtbase.dll', 'urlmon.dll', 'user32.dll', 'userenv.dll', 'usp10.dll', 'uxtheme.dll',
  'vcruntime140.dll', 'vcruntime140_1.dll', 'version.dll', 'vfw32.dll', 'wer.dll', 'wevtapi.dll', 'winhttp.dll', 'wininet.dll',
  'winmm.dll', 'winspool.drv', 'wintrust.dll', 'wldap32.dll', 'wlanapi.dll', 'ws2_32.dll', 'wsock32.dll', 'wtsapi32.dll',
  'xinput1_4.dll', 'xmllite.dll',
]);

/** Whether an import may be left to the system. @shape name in lower case */
export function isSystemDll(name: string): boolean {
  return systemDlls.has(name) || /^(?:api|ext)-ms-win-[a-z0-9-]+\.dll$/.test(name);
}
