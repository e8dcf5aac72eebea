"""A PEP 517 backend in the tree: an animal's behaviour.py says what its build does."""
import base64
import hashlib
import os
import zipfile


def wheel(folder, name, version="1.0", tag="py3-none-any", files=None, requires=()):
    """Writes a correct wheel and returns its filename."""
    part = name.replace("-", "_")
    info = f"{part}-{version}.dist-info"
    members = dict(files or {f"{part}/__init__.py": "ANIMAL = True\n"})
    members[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires)
    )
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: zoo\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n"
    record = ""
    for path, text in members.items():
        content = text if isinstance(text, bytes) else text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    members[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    filename = f"{part}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, filename), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), text)
    return filename


def get_requires_for_build_wheel(config_settings=None):
    import behaviour
    return getattr(behaviour, "requires", list)()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import behaviour
    behaviour.config_settings = config_settings
    return behaviour.build(wheel_directory)


def build_sdist(sdist_directory, config_settings=None):
    import behaviour
    return behaviour.sdist(sdist_directory)
