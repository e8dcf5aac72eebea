"""Step fetch: chooses and downloads wheels for requirements. Has the network, runs no stranger's code.

Order: {requirements: [PEP 508], filesIn?: path of an sdist that has the files which they name by -r,
  sdist?: path of an sdist whose build-system.requires are added,
  wheel?: path of a wheel whose requirements are added, extras?: [text] of it, local?: [path] of wheels beside the index, constraints?: [PEP 508], tags?: [text, best first], markers?: {PEP 508 environment}, target?: takes tags and
  markers of that target of the image, cutoff: ISO 8601, out: folder, bundle: tar to write, have?: [filename],
  env?: folder of the build environment, into which they are installed: then the tar is of that folder}
Without tags, markers and target those of the running interpreter hold: build requirements run here.
Result: {lock: [{name, version, filename, sha256}], bytes, buildSystem?}
"""
import datetime
import email.parser
import hashlib
import os
import shutil
import sys
import tarfile
import zipfile

from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.resolvelib import BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver
from pip._vendor.resolvelib.providers import AbstractProvider

import pyproject
from common import StepFailure, normal_name, run_step, target_description
from index import Index
from requirement_files import expanded

ROUNDS_MAX = 20_000
LOCK_MAX = 500


class Wanted:
    """A requirement and who asks for it; `parent` is None for what the project itself says."""

    def __init__(self, requirement, parent=None):
        self.requirement = requirement
        self.name = normal_name(requirement.name)
        self.extras = frozenset(normal_name(extra) for extra in requirement.extras)
        self.specifier = requirement.specifier
        self.parent = parent

    def says(self):
        text = str(self.requirement).split(";")[0].strip()
        return f"{text} (from {self.parent.says()})" if self.parent else text


class Candidate:
    """A version of a project by its best wheel. With extras it stands for the same wheel and what they add."""

    def __init__(self, name, extras, file):
        self.name, self.extras, self.file, self.version = name, extras, file, file.version

    def says(self):
        return f"{self.name} {self.version}"


class Provider(AbstractProvider):
    """What resolvelib asks. `target` holds tags, markers, cutoff, constraints of one resolution."""

    def __init__(self, index, target, folder):
        self.index, self.target, self.folder = index, target, folder
        self.read = {}

    def identify(self, requirement_or_candidate):
        return requirement_or_candidate.name, requirement_or_candidate.extras

    def get_preference(self, identifier, resolutions, candidates, information, backtrack_causes):
        asked = list(information[identifier])
        pinned = any(is_pinned(each.requirement.specifier) for each in asked)
        direct = any(each.parent is None for each in asked)
        causes = {cause.requirement.name for cause in backtrack_causes}
        return not pinned, identifier[0] not in causes, not direct, identifier[0], sorted(identifier[1])

    def find_matches(self, identifier, requirements, incompatibilities):
        name, extras = identifier
        asked = list(requirements[identifier])
        refused = {candidate.version for candidate in incompatibilities[identifier]}
        return [
            Candidate(name, extras, file)
            for file in self.target.choose(self.index.page(name), [each.specifier for each in asked], name)
            if file.version not in refused
        ]

    def is_satisfied_by(self, requirement, candidate):
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate):
        requires = self.requires_of(candidate.file)
        found = []
        if candidate.extras:
            same = Requirement(f"{candidate.name}=={candidate.version}")
            found.append(Wanted(same, candidate))
        for requirement in requires:
            if self.applies(requirement, candidate.extras):
                found.append(Wanted(requirement, candidate))
        self.index.ahead({each.name for each in found})
        return found

    def applies(self, requirement, extras):
        """Without extras the unconditional ones; with extras only what they add: the plain candidate has the rest."""
        plain = self.target.holds(requirement.marker, "")
        if not extras:
            return plain
        return not plain and any(self.target.holds(requirement.marker, extra) for extra in extras)

    def requires_of(self, file):
        if file.filename not in self.read:
            self.read[file.filename] = read_requires(self.index, file, self.folder)
        return self.read[file.filename]


def is_pinned(specifier):
    return any(one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*")) for one in specifier)


class Target:
    """What an interpreter accepts: ordered tags, markers, and the time after which nothing is looked at."""

    def __init__(self, tags, markers, cutoff, constraints):
        self.rank = {tag: at for at, tag in reversed(list(enumerate(tags)))}
        self.markers = markers
        self.python = markers["python_full_version"]
        self.cutoff = instant(cutoff) if cutoff else None
        self.constraints = {}
        for text in constraints:
            one = Requirement(text)
            if not self.holds(one.marker, ""):
                continue
            name = normal_name(one.name)
            self.constraints[name] = self.constraints.get(name, SpecifierSet()) & one.specifier

    def holds(self, marker, extra):
        return marker is None or marker.evaluate({**self.markers, "extra": extra})

    def seen(self, file):
        """Uploaded before the cut-off; a file without a time is seen, its index has none."""
        return not (self.cutoff and file.uploaded and instant(file.uploaded) > self.cutoff)

    def fits(self, file):
        return file.wheel and any(str(tag) in self.rank for tag in file.tags) and self.python_fits(file)

    def python_fits(self, file):
        if not file.requires_python:
            return True
        try:
            return SpecifierSet(file.requires_python).contains(self.python, prereleases=True)
        except InvalidSpecifier:
            return True

    def choose(self, files, specifiers, name):
        """The best wheel of every version that fits, newest version first. Yanked ones only when pinned (PEP 592)."""
        both = self.constraints.get(name, SpecifierSet())
        for specifier in specifiers:
            both &= specifier
        best = {}
        for file in files:
            if file.version is None or not self.seen(file) or not self.fits(file):
                continue
            if file.yanked and not is_pinned(both):
                continue
            place = (min(self.rank[str(tag)] for tag in file.tags if str(tag) in self.rank), invert(file.build))
            if file.version not in best or place < best[file.version][0]:
                best[file.version] = (place, file)
        allowed = set(both.filter(best))
        return [best[version][1] for version in sorted(allowed, reverse=True)]


def invert(build):
    """Higher build tags first."""
    return (-build[0], build[1]) if build else (1, "")


def instant(text):
    parsed = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)


def read_requires(index, file, folder):
    """Requires-Dist of a wheel: from the metadata file beside it where the index has one, else from the wheel."""
    if file.metadata:
        answer = index.get(file.url + ".metadata")
        if answer is not None:
            return parse_requires(answer[1])
    path = download(index, file, folder)
    try:
        with zipfile.ZipFile(path) as wheel:
            return parse_requires(metadata_of(wheel))
    except (zipfile.BadZipFile, StopIteration) as error:
        raise StepFailure("FARM_FETCH_FAILED", {"why": f"{file.filename} is not a wheel: {error}"}) from None


def metadata_of(wheel):
    names = wheel.namelist()
    return wheel.read(next(name for name in names if name.count("/") == 1 and name.endswith(".dist-info/METADATA")))


def parse_requires(raw):
    message = email.parser.Parser().parsestr(raw.decode("utf-8", "replace"), headersonly=True)
    found = []
    for text in message.get_all("Requires-Dist") or []:
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            print(f"wheelfarm: passed over the unreadable requirement {text!r}", flush=True)
    return found


def download(index, file, folder):
    """Downloads once and checks the digest. Errors: FARM_DIGEST_MISMATCH, FARM_FETCH_FAILED."""
    path = os.path.join(folder, file.filename)
    if os.path.exists(path):
        return path
    beside = f"{path}.part"
    if file.local:
        shutil.copyfile(file.local, path)
        file.sha256 = digest_of(path)
        return path
    found = index.get(file.url, {"Accept-Encoding": "identity"}, stream_to=beside)
    if found is None:
        raise StepFailure("FARM_FETCH_FAILED", {"why": f"the index lists {file.filename} and does not have it"})
    if file.sha256 and found != file.sha256:
        os.unlink(beside)
        raise StepFailure(
            "FARM_DIGEST_MISMATCH", {"file": file.filename, "found": found, "expected": file.sha256})
    file.sha256 = found
    os.replace(beside, path)
    return path


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def parse_wanted(texts, target):
    wanted = []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise StepFailure("FARM_REQUIREMENT_UNKNOWN", {"requirement": text}, {"text": str(error)}) from None
        if requirement.url:
            raise StepFailure(
                "FARM_REQUIREMENT_UNKNOWN", {"requirement": text},
                {"text": "A requirement that names an address is not fetched: only an index keeps its files."})
        if target.holds(requirement.marker, ""):
            wanted.append(Wanted(requirement))
    return wanted


def resolve(index, target, texts, folder, target_name):
    """The files that satisfy all requirements together. Errors: FARM_REQUIREMENT_*, FARM_FETCH_FAILED."""
    wanted = parse_wanted(texts, target)
    index.ahead({each.name for each in wanted})
    provider = Provider(index, target, folder)
    try:
        result = Resolver(provider, BaseReporter()).resolve(wanted, max_rounds=ROUNDS_MAX)
    except ResolutionImpossible as error:
        raise why_impossible(index, target, error.causes, target_name) from None
    except ResolutionTooDeep:
        raise StepFailure("FARM_REQUIREMENT_CONFLICT", {"why": "no choice was found in time"}) from None
    files = {candidate.name: candidate for candidate in result.mapping.values()}
    if len(files) > LOCK_MAX:
        raise StepFailure("FARM_REQUIREMENT_CONFLICT", {"why": f"they bring more than {LOCK_MAX} projects"})
    return [files[name] for name in sorted(files)]


def why_impossible(index, target, causes, target_name):
    """One requirement that nothing satisfies says more than a conflict; so that is looked for first."""
    for cause in causes:
        wanted = cause.requirement
        files = index.page(wanted.name)
        if target.choose(files, [wanted.specifier], wanted.name):
            continue
        right = [file for file in files if file.version is not None and target.seen(file)]
        matching = set(wanted.specifier.filter({file.version for file in right}))
        code = "FARM_REQUIREMENT_NO_WHEEL" if matching else "FARM_REQUIREMENT_UNKNOWN"
        return StepFailure(code, {"requirement": wanted.says(), "target": target_name, "name": wanted.name},
                           {"text": unmet_text(wanted, right, matching)})
    return StepFailure("FARM_REQUIREMENT_CONFLICT", {"why": "; ".join(sorted({c.requirement.says() for c in causes}))})


def unmet_text(wanted, files, matching):
    if not files:
        return f"The index has no project named {wanted.name} with a file."
    if not matching:
        versions = {file.version for file in files}
        return f"{wanted.name} has {len(versions)} versions, the newest is {max(versions)}."
    newest = max(matching)
    names = [file.filename for file in files if file.version == newest]
    return f"Files of {wanted.name} {newest}: {', '.join(sorted(names)[:12])}"


def build_interpreter(order):
    """Where the image has the target's own interpreter, builds run in that one and not in the one that runs here."""
    description = target_description({**order, "target": order.get("buildsFor")})
    return description if description and description.get("interpreter") else None


def main(order):
    description = target_description(order) or build_interpreter(order)
    texts, constraints = list(order.get("requirements") or []), list(order.get("constraints") or [])
    if order.get("filesIn"):
        texts, more = expanded(texts, order["filesIn"])
        constraints += more
    tags = order.get("tags") or (description or {}).get("tags") or [str(tag) for tag in sys_tags()]
    markers = order.get("markers") or (description or {}).get("markers") or default_environment()
    target = Target(tags, markers, order.get("cutoff"), constraints)
    target_name = order.get("targetName") or order.get("target") or f"{tags[0]} (the build machine)"
    folder = order["out"]
    os.makedirs(folder, exist_ok=True)
    result = {}
    if order.get("sdist"):
        result["buildSystem"] = pyproject.of_archive(order["sdist"], order.get("subdirectory") or "")
        texts += result["buildSystem"]["requires"]
    if order.get("wheel"):
        texts += wheel_requires(order["wheel"], order.get("extras") or [], target)
    index = Index(order.get("local") or [])
    chosen = resolve(index, target, texts, folder, target_name)
    list(index.pool.map(lambda one: download(index, one.file, folder), chosen))
    lock = [
        {"name": one.name, "version": str(one.version), "filename": one.file.filename, "sha256": one.file.sha256}
        for one in chosen
    ]
    for one in lock:
        print(f"{one['name']} {one['version']}  {one['filename']}  sha256 {one['sha256'][:16]}", flush=True)
    have = set(order.get("have") or [])
    if order.get("env"):
        from prepare import environment_of, pack_environment

        environment_of(order["env"], (description or {}).get("interpreter"), [os.path.join(folder, one["filename"]) for one in lock])
        pack_environment(order["env"], order["bundle"])
    elif order.get("bundle"):
        write_bundle(order["bundle"], folder, [one["filename"] for one in lock if one["filename"] not in have])
    size = sum(os.path.getsize(os.path.join(folder, one["filename"])) for one in lock)
    return {**result, "lock": lock, "bytes": size}


def wheel_requires(path, extras, target):
    """Requires-Dist of a wheel that is here, as text, with what its extras add."""
    with zipfile.ZipFile(path) as wheel:
        found = parse_requires(metadata_of(wheel))
    names = [normal_name(extra) for extra in extras]
    for requirement in found:
        if requirement.marker and any(target.holds(requirement.marker, extra) for extra in names):
            requirement.marker = None
    return [str(requirement) for requirement in found]


def write_bundle(path, folder, names):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.add(os.path.join(folder, name), arcname=name, recursive=False)


if __name__ == "__main__":
    sys.exit(run_step(main))
