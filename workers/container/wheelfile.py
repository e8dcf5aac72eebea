"""Reads a wheel's members: its dist-info, its shared objects, its RECORD. Runs nothing."""
import base64
import csv
import hashlib
import io
import struct
import zipfile

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from common import StepFailure
from foreign import MachO, PortableExecutable, kind_of


class SharedObject:
    """What audit wants to know of one ELF member."""

    format = "elf"

    def __init__(self, member, raw):
        elf = ELFFile(io.BytesIO(raw))
        self.member = member
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.machine = elf["e_machine"]
        self.bits = elf.elfclass
        self.soname, self.needed, self.versions, self.inits, self.wants = None, [], set(), [], set()
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                self.read_dynamic(section)
            elif isinstance(section, GNUVerNeedSection):
                for _, entries in section.iter_versions():
                    self.versions.update(entry.name for entry in entries)
        symbols = elf.get_section_by_name(".dynsym")
        if symbols:
            self.inits = sorted(each.name for each in symbols.iter_symbols()
                                if each.name.startswith("PyInit_") and each["st_shndx"] != "SHN_UNDEF")
            self.wants = {each.name for each in symbols.iter_symbols() if each["st_shndx"] == "SHN_UNDEF" and each.name}

    def read_dynamic(self, section):
        for tag in section.iter_tags():
            if tag.entry.d_tag == "DT_NEEDED":
                self.needed.append(tag.needed)
            elif tag.entry.d_tag == "DT_SONAME":
                self.soname = tag.soname


def open_wheel(path, name):
    """Errors: FARM_WHEEL_BROKEN."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": str(error)}) from None


def dist_info(wheel, name):
    """The one .dist-info folder. Errors: FARM_WHEEL_BROKEN."""
    found = {each.split("/")[0] for each in wheel.namelist() if each.split("/")[0].endswith(".dist-info")}
    if len(found) != 1:
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": f"it has {len(found)} .dist-info folders"})
    return found.pop()


READERS = {"elf": SharedObject, "mach-o": MachO, "pe": PortableExecutable}


def shared_objects(wheel, name):
    """Every ELF member, told by its first bytes. Errors: FARM_WHEEL_BROKEN for one that is cut or empty of sense."""
    return [each for each in binaries(wheel, name) if each.format == "elf"]


def binaries(wheel, name):
    """Every ELF, Mach-O and PE member (programs for Windows left out). Errors: FARM_WHEEL_BROKEN, as above."""
    found = []
    for member in wheel.infolist():
        if member.is_dir() or member.file_size < 4:
            continue
        with wheel.open(member) as file:
            kind = kind_of(file.read(16), member.filename)
        if kind is None:
            continue
        try:
            found.append(READERS[kind](member.filename, wheel.read(member)))
        except (ELFError, KeyError, ValueError, UnicodeDecodeError, struct.error) as error:
            why = f"{member.filename} is not a whole {kind.upper()} file: {error}"
            raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": why}) from None
    return found


def record_faults(wheel, info):
    """What RECORD says wrongly: [text], empty where it is right."""
    path = f"{info}/RECORD"
    members = {each.filename for each in wheel.infolist() if not each.is_dir()}
    if path not in members:
        return ["there is no RECORD"]
    faults, listed = [], set()
    for row in csv.reader(io.StringIO(wheel.read(path).decode("utf-8", "replace"))):
        if not row:
            continue
        listed.add(row[0])
        if row[0] == path:
            continue
        if row[0] not in members:
            faults.append(f"{row[0]} is listed and not there")
        elif len(row) < 3 or not row[1].startswith("sha256=") or row[1][7:] != digest(wheel.read(row[0])):
            faults.append(f"{row[0]} has not the digest that RECORD gives")
    unlisted = members - listed - {f"{path}.jws", f"{path}.p7s"}
    return faults + [f"{each} is not listed" for each in sorted(unlisted)]


def digest(raw):
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode("ascii")
