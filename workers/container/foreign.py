"""Reads PE and Mach-O files and judges them against a target's description. Runs nothing.

The control plane judges the same again (orchestrator/domain/binary-audit.ts); here a failure is told before the wheel
leaves the box. Numbers: Microsoft "PE Format"; Apple mach-o/loader.h and cs_blobs.h.
"""
import hashlib
import os
import re
import struct

from common import StepFailure

PE_SECTIONS_MAX, IMPORTS_MAX, THUNKS_MAX, COMMANDS_MAX, PAGES_MAX = 96, 2000, 100_000, 5000, 1 << 20
MACH_O = {b"\xcf\xfa\xed\xfe": "<", b"\xfe\xed\xfa\xcf": ">", b"\xce\xfa\xed\xfe": "<", b"\xfe\xed\xfa\xce": ">"}
FAT = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
LIBRARY_COMMANDS = {0x0C, 0x18, 0x1F, 0x20, 0x23}
CPU_ARM64 = 0x0100000C
# As orchestrator/domain/windows-dlls.ts, which has the last word: this one names what extensions import.
SYSTEM_DLL = re.compile(
    r"(api|ext)-ms-win-[a-z0-9-]+\.dll|(advapi32|bcrypt|bcryptprimitives|cfgmgr32|comctl32|comdlg32|crypt32|d3d\d+|dbghelp|"
    r"dnsapi|dsound|dwmapi|dwrite|dxgi|gdi32|gdiplus|glu32|hid|imagehlp|imm32|iphlpapi|kernel32|kernelbase|mf|mfplat|"
    r"mfreadwrite|mpr|msimg32|msvcrt|mswsock|ncrypt|netapi32|normaliz|ntdll|odbc32|ole32|oleacc|oleaut32|opengl32|pdh|"
    r"powrprof|propsys|psapi|rpcrt4|secur32|sechost|setupapi|shcore|shell32|shlwapi|sspicli|ucrtbase|urlmon|user32|userenv|"
    r"usp10|uxtheme|vcruntime140|vcruntime140_1|version|wevtapi|winhttp|wininet|winmm|wintrust|wldap32|ws2_32|wsock32|"
    r"wtsapi32|xmllite)\.dll|winspool\.drv")


class Misformed(ValueError):
    """The file is not what it seems to be."""


def kind_of(head, name):
    """'elf', 'mach-o', 'pe' or None, by the first bytes; a PE must also have the name of a library."""
    if head[:4] == b"\x7fELF":
        return "elf"
    if head[:4] in MACH_O or (head[:4] in FAT and len(head) >= 8 and 0 < struct.unpack(">I", head[4:8])[0] < 32):
        return "mach-o"
    return "pe" if head[:2] == b"MZ" and name.lower().endswith((".pyd", ".dll", ".so")) else None


def text_at(raw, at):
    end = raw.find(b"\0", at)
    if at < 0 or end < 0 or end - at > 1024:
        raise Misformed("a name does not end")
    return raw[at:end].decode("latin-1")


class PortableExecutable:
    """Machine and imported DLLs of a PE file."""

    format, bits, versions, inits, soname = "pe", 64, frozenset(), (), None

    def __init__(self, member, raw):
        self.member, self.sha256 = member, hashlib.sha256(raw).hexdigest()
        [header] = struct.unpack_from("<I", raw, 0x3C)
        if raw[header:header + 4] != b"PE\0\0":
            raise Misformed("it has no PE header")
        self.coff, sections = struct.unpack_from("<HH", raw, header + 4)
        self.machine = f"0x{self.coff:x}"
        [optional] = struct.unpack_from("<H", raw, header + 20)
        [magic] = struct.unpack_from("<H", raw, header + 24)
        directories = header + 24 + (112 if magic == 0x20B else 96)
        if sections > PE_SECTIONS_MAX:
            raise Misformed(f"it has {sections} sections")
        self.sections = []
        for number in range(sections):
            size, address, packed, offset = struct.unpack_from("<IIII", raw, header + 24 + optional + 40 * number + 8)
            self.sections.append((address, max(size, packed), offset))
        [count] = struct.unpack_from("<I", raw, directories - 4)
        found = []
        self.imports = struct.unpack_from("<I", raw, directories + 8)[0] if count > 1 else 0
        for directory, stride, name in ((1, 20, 12), (13, 32, 4)):
            table = struct.unpack_from("<I", raw, directories + 8 * directory)[0] if directory < count else 0
            found += self.names(raw, table, stride, name) if table else []
        self.needed = list(dict.fromkeys(found))

    def names(self, raw, table, stride, place):
        found, at = [], self.offset(table)
        while (name := struct.unpack_from("<I", raw, at + place)[0]) != 0:
            found.append(text_at(raw, self.offset(name)))
            at += stride
            if len(found) > IMPORTS_MAX:
                raise Misformed("it imports too many libraries")
        return found

    def functions(self, raw, dll):
        """Names imported from DLLs whose name begins so."""
        found, at = set(), self.offset(self.imports) if self.imports else 0
        while at and (name := struct.unpack_from("<I", raw, at + 12)[0]) != 0:
            if text_at(raw, self.offset(name)).lower().startswith(dll):
                found.update(self.thunks(raw, struct.unpack_from("<I", raw, at)[0] or struct.unpack_from("<I", raw, at + 16)[0]))
            at += 20
        return found

    def thunks(self, raw, table):
        at, found = self.offset(table) if table else 0, []
        while at and (entry := struct.unpack_from("<Q", raw, at)[0]) != 0 and len(found) <= THUNKS_MAX:
            if not entry >> 63:  # else by number
                found.append(text_at(raw, self.offset(entry) + 2))
            at += 8
        return found

    def offset(self, address):
        for start, size, offset in self.sections:
            if start <= address < start + size:
                return address - start + offset
        raise Misformed("a table lies in no section")


class MachO:
    """What dyld reads of one Mach-O file; of a fat one, of each architecture in it."""

    format, bits, versions, inits = "mach-o", 64, frozenset(), ()

    def __init__(self, member, raw):
        self.member, self.sha256 = member, hashlib.sha256(raw).hexdigest()
        self.slices = [Slice(part) for part in parts_of(raw)]
        self.machine = " ".join(f"0x{each.cpu:x}" for each in self.slices)
        self.needed = list(dict.fromkeys(name for each in self.slices for name in each.libraries))
        self.soname = self.slices[0].name


def parts_of(raw):
    if raw[:4] not in FAT:
        return [raw]
    wide = raw[:4] == FAT[1]
    [count] = struct.unpack_from(">I", raw, 4)
    entries = [struct.unpack_from(">QQ" if wide else ">II", raw, 8 + number * (32 if wide else 20) + 8)
               for number in range(min(count, 32))]
    if not entries or any(offset + size > len(raw) for offset, size in entries):
        raise Misformed("an architecture lies outside of the file")
    return [raw[offset:offset + size] for offset, size in entries]


class Slice:
    """One architecture."""

    def __init__(self, raw):
        self.raw, order = raw, MACH_O.get(raw[:4])
        if order is None:
            raise Misformed("it does not start as a Mach-O file")
        self.cpu, _, self.kind, count, size = struct.unpack_from(order + "5I", raw, 4)
        if count == 0 or count > COMMANDS_MAX:
            raise Misformed(f"it has {count} load commands")
        self.name, self.libraries, self.paths, self.minimum, self.fault = None, [], [], None, None
        at = 32 if raw[:4] in (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf") else 28
        end = at + size
        for _ in range(count):
            command, length = struct.unpack_from(order + "II", raw, at)
            if length < 8 or at + length > end:
                raise Misformed("a load command lies outside of its table")
            self.read(raw, at, command & 0x7FFFFFFF, order)
            at += length

    def read(self, raw, at, command, order):
        first, second = struct.unpack_from(order + "II", raw, at + 8)
        if command == 0x0D:
            self.name = text_at(raw, at + first)
        elif command in LIBRARY_COMMANDS:
            self.libraries.append(text_at(raw, at + first))
        elif command == 0x1C:
            self.paths.append(text_at(raw, at + first))
        elif command == 0x24:
            self.minimum = (first >> 16, first >> 8 & 255)
        elif command == 0x32:
            self.minimum = (second >> 16, second >> 8 & 255)
        elif command == 0x1D:
            self.fault = signature_fault(raw, first, second)


def signature_fault(raw, at, size):
    """Why the signature does not hold, or ''. Every page before it must have the hash that was signed."""
    blob = raw[at:at + size]
    magic, _, count = struct.unpack_from(">3I", blob, 0)
    if len(blob) != size or magic != 0xFADE0CC0 or count > 64:
        return "it does not start as a signature does"
    directories = [start for _, start in struct.iter_unpack(">II", blob[12:12 + 8 * count])
                   if struct.unpack_from(">I", blob, start)[0] == 0xFADE0C02]
    faults = [directory_fault(raw, blob[start:], at) for start in directories]
    return next((each for each in faults if each), "") if faults else "it has no code directory"


def directory_fault(raw, directory, signed):
    [hashes] = struct.unpack_from(">I", directory, 16)
    slots, limit = struct.unpack_from(">II", directory, 28)
    length, algorithm, _, bits = struct.unpack_from(">4B", directory, 36)
    name = {1: "sha1", 2: "sha256"}.get(algorithm)
    page = 1 << bits if bits else limit
    if name is None or length != hashlib.new(name).digest_size:
        return f"its hashes are of the unknown kind {algorithm}"
    if limit != signed or page < 1024 or slots > PAGES_MAX or slots != -(-limit // page):
        return "its pages do not cover the file"
    for slot in range(slots):
        found = hashlib.new(name, raw[slot * page:min(limit, (slot + 1) * page)]).digest()
        if found != directory[hashes + slot * length:hashes + (slot + 1) * length]:
            return f"page {slot} was changed after it was signed"
    return ""


def check_foreign(one, expect, target, companions, versioned):
    """Judges one PE or Mach-O file. Errors: FARM_AUDIT_MACHINE, _LIBRARY, _FLOOR, _SIGNATURE."""
    if one.format == "pe":
        check_pe(one, expect, target, companions, versioned)
    else:
        for part in one.slices:
            check_slice(one.member, part, expect, target, companions)
        if expect["cpuType"] not in [part.cpu for part in one.slices]:
            raise StepFailure("FARM_AUDIT_MACHINE", {"member": one.member, "found": f"processor {one.machine}",
                                                     "expected": target.split("_", 1)[1]})


def check_pe(one, expect, target, companions, versioned):
    if one.coff != expect["coffMachine"]:
        raise StepFailure("FARM_AUDIT_MACHINE", {"member": one.member, "found": f"machine {one.machine}", "expected": target})
    own = {"python3.dll"} | ({expect["pythonDll"]} if versioned else set())
    for name in one.needed:
        name = name.lower()
        if name not in own and name not in companions and not SYSTEM_DLL.fullmatch(name):
            raise StepFailure("FARM_AUDIT_LIBRARY", {"member": one.member, "library": name, "target": target})


def check_slice(member, part, expect, target, companions):
    floor = tuple(expect["floor"])
    if part.minimum is None or part.minimum > floor:
        found = ".".join(str(each) for each in part.minimum or ("of no version",))
        raise StepFailure("FARM_AUDIT_FLOOR", {"found": f"macOS {found} ({member})",
                                               "expected": f"macos {'.'.join(str(each) for each in floor)}"})
    for name in [*part.libraries, *([part.name] if part.name else [])]:
        system = name.startswith(("/usr/lib/", "/System/Library/")) and ".." not in name
        if not system and (name.startswith("/") or os.path.basename(name).lower() not in companions):
            raise StepFailure("FARM_AUDIT_LIBRARY", {"member": member, "library": name, "target": target})
    for path in part.paths:
        if not path.startswith("@"):
            raise StepFailure("FARM_AUDIT_LIBRARY", {"member": member, "library": path, "target": target})
    fault = part.fault if part.fault is not None else ("it has none" if part.cpu == CPU_ARM64 else "")
    if fault:
        raise StepFailure("FARM_AUDIT_SIGNATURE", {"member": member, "why": fault})
