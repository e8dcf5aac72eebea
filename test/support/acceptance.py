"""What the public index asks of a wheel before it takes it; prints each fault on a line. Standard library only.

usage: acceptance.py MADE [ORIGINAL]
Faults that the original has too are not those of an edit: they are left out where an original is given.
Source: warehouse's upload view as of 2026: archive form, RECORD, METADATA, licence files, filename.
"""
import csv
import email.parser
import io
import re
import struct
import sys
import zipfile


def form_faults(path, archive):
    data = open(path, "rb").read()
    if data[:4] != b"PK\x03\x04":
        yield "bytes before the first member"
    end = data.rfind(b"PK\x05\x06")
    size, offset, comment = struct.unpack("<IIH", data[end + 12:end + 22])
    if end + 22 != len(data) or comment:
        yield "a comment or bytes behind the directory"
    if offset + size != end:
        yield "bytes between the directory and its end record"
    names = [one.filename for one in archive.infolist()]
    if len(set(names)) != len(names):
        yield "two members of one name"
    place = 0
    for one in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if one.header_offset != place:
            yield f"bytes before {one.filename} that belong to no member"
        name, extra = struct.unpack("<HH", data[one.header_offset + 26:one.header_offset + 30])
        place = one.header_offset + 30 + name + extra + one.compress_size
        local = data[one.header_offset + 30:one.header_offset + 30 + name]
        if local.decode("utf-8") != one.orig_filename:
            yield f"{one.filename} has another name in its own header"
        if one.flag_bits & 8:
            yield f"{one.filename} has a data descriptor"
        if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield f"{one.filename} is packed by method {one.compress_type}"
        if one.compress_size and one.file_size / one.compress_size > 50 and one.file_size > 64 * 1024 * 1024:
            yield f"{one.filename} is packed more than 50 times"
        if one.comment:
            yield f"{one.filename} has a comment"
    if place != offset:
        yield "bytes between the members and the directory"


def metadata_faults(path, archive):
    match = re.fullmatch(r"([^-]+)-([^-]+)(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl", path.rsplit("/", 1)[-1])
    folders = {name.split("/")[0] for name in archive.namelist() if name.split("/")[0].endswith(".dist-info")}
    if not match or len(folders) != 1:
        yield "the filename or the .dist-info folder is not right"
        return
    folder = folders.pop()
    if folder.lower().replace("-", "_").replace(".", "_") != f"{match[1]}-{match[2]}.dist-info".lower().replace("-", "_").replace(".", "_"):
        yield f"{folder} is not of this filename"
    text = archive.read(f"{folder}/METADATA").decode("utf-8")
    headers = email.parser.HeaderParser().parsestr(text)
    if tuple(map(int, headers["Metadata-Version"].split("."))) > (2, 5):
        yield f"Metadata-Version {headers['Metadata-Version']}"
    if headers["Version"] != match[2].replace("_", "-"):
        yield f"Version {headers['Version']} is not that of the filename"
    if re.sub(r"[-_.]+", "_", headers["Name"]).lower() != re.sub(r"[-_.]+", "_", match[1]).lower():
        yield f"Name {headers['Name']} is not that of the filename"
    if len(headers["Summary"] or "") > 512:
        yield "Summary is longer than 512 characters"
    if headers["License"] and headers["License-Expression"]:
        yield "License beside License-Expression"
    for one in headers.get_all("License-File") or []:
        if tuple(map(int, headers["Metadata-Version"].split("."))) >= (2, 4) and f"{folder}/licenses/{one}" not in archive.namelist():
            yield f"no licence file {one}"
    rows = [row[0] for row in csv.reader(io.StringIO(archive.read(f"{folder}/RECORD").decode("utf-8"))) if row]
    files = [name for name in archive.namelist() if not name.endswith("/")]
    if sorted(rows) != sorted(files):
        yield f"RECORD differs from the archive: {', '.join(sorted(set(rows) ^ set(files))) or 'a file twice'}"
    if not any(line.startswith("Tag:") for line in archive.read(f"{folder}/WHEEL").decode("utf-8").splitlines()):
        yield "WHEEL has no Tag"


def faults(path):
    with zipfile.ZipFile(path) as archive:
        return [*form_faults(path, archive), *metadata_faults(path, archive)]


def main(made, original=None):
    known = set(faults(original)) if original else set()
    found = [one for one in faults(made) if one not in known]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
