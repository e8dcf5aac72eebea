#!/usr/bin/env python3
"""Proves that a wheel differs from its original in metadata only.

    python3 check-respin.py NEW.whl ORIGINAL.whl [--statement FILE] [--json]

Needs nothing but Python 3.9. Exit status: 0 the payload is equal and only what an edit may change was changed;
1 it is not; 2 the files or arguments cannot be read. The rules are those of spec-respin.md. FILE is an in-toto
statement, bare or in a DSSE envelope or Sigstore bundle; its signature is not judged here.
"""
import argparse
import base64
import csv
import hashlib
import io
import json
import re
import struct
import sys
import zipfile
import zlib

EDITABLE = {
    "metadata-version", "requires-dist", "provides-extra", "requires-python", "summary", "description",
    "description-content-type", "keywords", "classifier", "project-url", "author", "author-email", "maintainer",
    "maintainer-email", "license-expression", "license",
}


class Refused(Exception):
    """The proof fails; the words say where."""


class Wheel:
    def __init__(self, path):
        self.path = path
        self.name = re.split(r"[/\\]", path)[-1]
        with open(path, "rb") as file:
            self.raw = file.read()
        self.sha256 = hashlib.sha256(self.raw).hexdigest()
        self.zip = zipfile.ZipFile(io.BytesIO(self.raw))
        self.members = sorted(self.zip.infolist(), key=lambda one: one.header_offset)
        names = [one.filename for one in self.members]
        if len(set(names)) != len(names):
            raise Refused(f"{self.name}: a name occurs twice")
        folders = {name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info") and "/" in name}
        if len(folders) != 1:
            raise Refused(f"{self.name}: {len(folders)} .dist-info folders")
        self.info = folders.pop()
        self.stem = self.info[: -len(".dist-info")]
        self.data_at = {}
        self.loose = self.check_layout()

    def check_layout(self):
        """Local headers must say what the directory says; counts bytes that belong to nobody."""
        position = covered = 0
        for one in self.members:
            at = one.header_offset
            if at < position:
                raise Refused(f"{one.filename}: overlaps another member")
            if one.flag_bits & 0x2041:
                raise Refused(f"{one.filename}: is encrypted")
            head = self.raw[at:at + 30]
            magic, _, flags, method, _, crc, packed, size, name_len, extra_len = struct.unpack("<4sHHHIIIIHH", head)
            name = self.raw[at + 30:at + 30 + name_len]
            if magic != b"PK\3\4" or method != one.compress_type or name != name_bytes(one):
                raise Refused(f"{one.filename}: its header and the directory differ")
            if not flags & 8:
                for found, wanted, wide in ((crc, one.CRC, False), (packed, one.compress_size, True), (size, one.file_size, True)):
                    if found != wanted and not (wide and found == 0xFFFFFFFF):
                        raise Refused(f"{one.filename}: its header and the directory differ")
            self.data_at[one.filename] = at + 30 + name_len + extra_len
            position = self.data_at[one.filename] + one.compress_size
            if flags & 8:
                position += self.descriptor(one, position)
            covered += position - at
        directory = self.zip.start_dir
        if position > directory:
            raise Refused(f"{self.name}: a member runs into the directory")
        behind = len(self.raw) - self.raw.rfind(b"PK\5\6") - 22
        return directory - covered + behind

    def descriptor(self, one, at):
        for form, signed in (("<4sIII", True), ("<4sIQQ", True), ("<III", False), ("<IQQ", False)):
            length = struct.calcsize(form)
            fields = struct.unpack(form, self.raw[at:at + length].ljust(length, b"\0"))
            if signed and fields[0] != b"PK\7\10":
                continue
            if fields[-3:] == (one.CRC, one.compress_size, one.file_size):
                return length
        raise Refused(f"{one.filename}: its data descriptor is wrong")

    def text(self, name):
        try:
            return self.zip.read(f"{self.info}/{name}").decode("utf-8")
        except KeyError:
            raise Refused(f"{self.name}: {name} is missing") from None

    def payload(self):
        rewritten = {f"{self.info}/{name}" for name in
                     ("METADATA", "WHEEL", "RECORD", "RECORD.jws", "RECORD.p7s", "sboms/farm.cdx.json")}
        return [self.fingerprint(one) for one in self.members if one.filename not in rewritten]

    def fingerprint(self, one):
        start = self.data_at[one.filename]
        packed = self.raw[start:start + one.compress_size]
        name = name_bytes(one).decode("utf-8")
        for folder in ("dist-info", "data"):
            if name.startswith(f"{self.stem}.{folder}/"):
                name = "/" + name[len(self.stem) + 1:]
        return {
            "name": name, "mode": f"{one.external_attr >> 16:06o}", "method": one.compress_type, "crc": f"{one.CRC:08x}",
            "size": one.file_size, "packed": one.compress_size, "sha256": hashlib.sha256(packed).hexdigest(),
        }

    def check_record(self):
        listed = {}
        for row in csv.reader(io.StringIO(self.text("RECORD"), newline="")):
            if row:
                if len(row) != 3 or row[0] in listed:
                    raise Refused(f"{self.name}: RECORD has a bad or repeated line for {row[0]}")
                listed[row[0]] = row[1:]
        for one in self.members:
            if one.filename.endswith("/"):
                continue
            data = self.zip.read(one)
            digest, size = listed.pop(one.filename, (None, None))
            if one.filename in (f"{self.info}/RECORD", f"{self.info}/RECORD.jws", f"{self.info}/RECORD.p7s"):
                continue
            wanted = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            if digest != wanted or (size and int(size) != len(data)):
                raise Refused(f"{self.name}: RECORD does not fit {one.filename}")
        if listed:
            raise Refused(f"{self.name}: RECORD lists {', '.join(listed)}, which is not there")


def name_bytes(one):
    return one.orig_filename.encode("utf-8" if one.flag_bits & 0x800 else "cp437")


def payload_digest(payload):
    text = "wheel-payload/1\n" + "".join(
        f"{m['mode']} {m['method']} {m['crc']} {m['size']} {m['packed']} {m['sha256']} {len(m['name'].encode())} {m['name']}\n"
        for m in payload)
    return hashlib.sha256(text.encode()).hexdigest()


def compare_payload(new, old):
    faults = []
    left, right = {m["name"]: m for m in old}, {m["name"]: m for m in new}
    faults += [f"{name}: was removed or renamed" for name in left if name not in right]
    faults += [f"{name}: was added or renamed" for name in right if name not in left]
    for name in left:
        if name in right:
            parts = [key for key in left[name] if left[name][key] != right[name][key]]
            if parts:
                faults.append(f"{name}: other {', '.join(parts)}")
    if not faults and [m["name"] for m in old] != [m["name"] for m in new]:
        faults.append("the order of the members was changed")
    return faults


def fields_of(text):
    """Header fields in order and the body; folded lines joined as they are."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    head, _, body = text.partition("\n\n") if not text.startswith("\n") else ("", "", text)
    fields = []
    for line in head.split("\n"):
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            fields.append([name, value.strip(" \t")])
        elif line:
            raise Refused(f"METADATA: no header: {line[:80]}")
    if body:
        fields.append(["Description", body])
    return [tuple(field) for field in fields]


def changes_of(old_text, new_text):
    """Values that went and values that came, as (sign, field, value)."""
    old, new = fields_of(old_text), fields_of(new_text)
    gone, came = list(old), list(new)
    for field in old:
        if field in came:
            came.remove(field)
            gone.remove(field)
    return [("-", *field) for field in gone] + [("+", *field) for field in came]


def check_metadata(new, old):
    changes = changes_of(old.text("METADATA"), new.text("METADATA"))
    faults = []
    version = [value for sign, name, value in changes if name.lower() == "version" and sign == "+"]
    old_version = dict((name.lower(), value) for name, value in fields_of(old.text("METADATA"))).get("version", "")
    if version:
        base = re.sub(r"\.post\d+$", "", old_version)
        if len(version) != 1 or not re.fullmatch(re.escape(base) + r"\.post\d+", version[0]) or new.stem == old.stem:
            faults.append(f"Version: {', '.join(version)} is no post-release of {old_version}")
    elif new.stem != old.stem:
        faults.append(f"the folder {old.info} became {new.info} and the version did not change")
    for _, name, _ in changes:
        if name.lower() not in EDITABLE | {"version"}:
            faults.append(f"{name}: an edit may not change it")
    # A post-release starts without a build tag; under a respin Build is the one line that changes.
    for sign, name, value in changes_of(old.text("WHEEL"), new.text("WHEEL")):
        if name != "Build" or not value.isdigit():
            faults.append(f"WHEEL: {sign} {name}: {value}")
    return changes, faults, bool(version)


def check_rewritten(new, old, is_post):
    """The members that are no payload and no text: signatures of RECORD go, the SBOM stays under a respin."""
    def member(wheel, name):
        path = f"{wheel.info}/{name}"
        return wheel.zip.read(path) if path in wheel.data_at else None
    faults = [f"{name}: nobody signed this RECORD" for name in ("RECORD.jws", "RECORD.p7s") if member(new, name) is not None]
    left, right = member(old, "sboms/farm.cdx.json"), member(new, "sboms/farm.cdx.json")
    if left != right and (not is_post or left is None or right is None):
        faults.append("sboms/farm.cdx.json: was changed")
    return faults


def check_name(new, old, is_post):
    def parts(name):
        bits = name[:-len(".whl")].split("-") if name.endswith(".whl") else []
        if len(bits) < 5:
            raise Refused(f"{name}: no wheel's name")
        build = bits.pop(2) if bits[2][:1].isdigit() else None
        return bits[0], bits[1], build, bits[2:]
    (left, left_version, left_build, left_tags), (right, version, build, tags) = parts(old.name), parts(new.name)
    faults = []
    if left != right or left_tags != tags:
        faults.append(f"the filename {new.name} has another name or other tags than {old.name}")
    inside = [value for name, value in fields_of(new.text("WHEEL")) if name == "Build"]
    if inside != ([build] if build else []):
        faults.append(f"WHEEL has build {', '.join(inside) or 'none'}, the filename {build or 'none'}")
    if is_post and (version == left_version or build):
        faults.append(f"{new.name} is not the filename of a post-release")
    if not is_post and (version != left_version or not build or
                        int(re.match(r"\d+", build)[0]) <= int(re.match(r"\d+", left_build or "0")[0])):
        faults.append(f"{new.name} has no higher build tag than {old.name}")
    return faults


def read_statement(path):
    with open(path, "rb") as file:
        value = json.load(file)
    value = value.get("dsseEnvelope", value.get("envelope", value))
    for key in ("payload", "statement"):
        if key in value:
            value = json.loads(base64.b64decode(value[key]))
    return value


def check_statement(statement, new, old, digest, changes):
    build = statement["predicate"]["buildDefinition"]
    inner = build["internalParameters"]
    said = sorted((sign, one["field"].lower(), one[key].replace("\r\n", "\n"))
                  for one in inner["changes"] for sign, key in (("-", "before"), ("+", "after")) if one[key] is not None)
    found = sorted((sign, name.lower(), value) for sign, name, value in changes if name.lower() != "version")
    tests = [
        ("its subject is another file", [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]] == [(new.name, new.sha256)]),
        ("its build type is no respin", re.search(r"/buildtypes/wheel-respin/v1$", build["buildType"])),
        ("its original is another file", old.sha256 in [one["digest"].get("sha256") for one in build["resolvedDependencies"]]),
        ("its payload digest is another", inner["payload"] == {"form": "wheel-payload/1", "sha256": digest}),
        ("its digest of METADATA is another", inner["metadataSha256"] == hashlib.sha256(new.text("METADATA").encode()).hexdigest()),
        ("its changes are not the ones in METADATA", said == found),
    ]
    return [f"statement: {words}" for words, holds in tests if not holds]


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new")
    parser.add_argument("original")
    parser.add_argument("--statement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    faults, changes, digest, members, loose = [], [], None, 0, 0
    try:
        new, old = Wheel(options.new), Wheel(options.original)
        left, right = old.payload(), new.payload()
        members, digest, loose = len(right), payload_digest(right), old.loose
        faults += compare_payload(right, left)
        if not faults and payload_digest(left) != digest:
            faults.append("the payload digests differ")
        if new.loose:
            faults.append(f"{new.name}: {new.loose} bytes belong to no member")
        changes, more, is_post = check_metadata(new, old)
        faults += more + check_name(new, old, is_post) + check_rewritten(new, old, is_post)
        new.check_record()
        if options.statement:
            faults += check_statement(read_statement(options.statement), new, old, digest, changes)
    except Refused as why:
        faults.append(str(why))
    except (OSError, zipfile.BadZipFile, zlib.error, UnicodeError, struct.error, KeyError, TypeError, ValueError, NotImplementedError) as why:
        print(f"cannot be read: {type(why).__name__}: {why}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"equal": not faults, "payload": digest, "members": members, "changes": changes, "faults": faults}))
    else:
        for sign, name, value in changes:
            print("\n".join(f"{sign} {line}" for line in f"{name}: {value}".split("\n")))
        for fault in faults:
            print(f"FORGED  {fault}")
        if not faults:
            print(f"payload equal: {members} members, wheel-payload/1 {digest}")
            if loose:
                print(f"left out: {loose} bytes of the original that belong to no member")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
