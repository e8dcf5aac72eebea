/** Times and sizes for people; the exact ones stand in titles. */

/** `1.4 MB`, in powers of ten as installers print them. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const at = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1000 ** at;
  return `${at === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[at] ?? 'B'}`;
}

/** `412 ms`, `8.3 s`, `2 min 4 s`, `1 h 12 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}

/** `just now`, `4 min ago`, `3 h ago`, `12 Nov 2026`. */
export function ago(iso: string, now: number): string {
  const ms = now - Date.parse(iso);
  if (ms < 45_000) return 'just now';
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 60 * 24) return `${Math.round(minutes / 60)} h ago`;
  if (minutes < 60 * 24 * 7) return `${Math.round(minutes / 1440)} days ago`;
  return new Date(iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
}

/** `2026-11-21 11:02:03 UTC` */
export const exactly = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

/** `3 cells`, `1 cell` */
export const count = (amount: number, one: string, many = `${one}s`): string => `${amount.toLocaleString('en')} ${amount === 1 ? one : many}`;

/** The platform in words: `Linux x86_64 (glibc)`. */
export function platformName(platform: string): string {
  const [family = '', ...rest] = platform.split('_');
  const arch = rest.join('_');
  const names: Readonly<Record<string, (arch: string) => string>> = {
    manylinux: (one) => `Linux ${one}`, musllinux: (one) => `Linux ${one}, musl`, macosx: (one) => `macOS ${one}`,
    win: (one) => `Windows ${one === 'amd64' ? 'x64' : one}`, win32: () => 'Windows x86', android: (one) => `Android ${one}`,
    ios: (one) => `iOS ${one}`, pyodide: (one) => `Pyodide ${one}`,
  };
  return names[family]?.(arch) ?? platform;
}

/** What comes before the platform in a target id: `cp313t`. */
export const pythonOf = (target: string): string => target.slice(0, target.indexOf('-'));

/** `3.13t` for `cp313t`. */
export function pythonName(python: string): string {
  const match = /^([a-z]+)(\d)(\d+)(t?)/.exec(python);
  if (!match) return python;
  const name = `${match[2]}.${match[3]}${match[4]}`;
  return match[1] === 'cp' ? name : `${match[1]} ${name}`;
}
