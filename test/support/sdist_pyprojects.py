"""Downloads sdists as pip is set to find them and keeps the pyproject.toml of each; no code of theirs is run.

Arguments: the folder to write into, then name==version each. Writes FOLDER/<name>/pyproject.toml.
"""
import concurrent.futures
import os
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workers", "container"))

from index import Index, Version  # noqa: E402
from resolve import download  # noqa: E402


def keep(index, folder, what):
    name, _, version = what.partition("==")
    files = [file for file in index.page(name)
             if not file.wheel and file.filename.endswith(".tar.gz") and file.version == Version(version)]
    if not files:
        raise SystemExit(f"the index has no sdist of {what}")
    path = download(index, files[0], folder)
    with tarfile.open(path) as tar:
        member = next(each for each in tar
                      if each.name.count("/") == 1 and each.name.endswith("/pyproject.toml"))
        text = tar.extractfile(member).read()
    os.unlink(path)
    os.makedirs(os.path.join(folder, name))
    with open(os.path.join(folder, name, "pyproject.toml"), "wb") as out:
        out.write(text)


def main():
    folder, index = sys.argv[1], Index()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda what: keep(index, folder, what), sys.argv[2:]))


main()
