"""Reads the package index that pip is set to use: project pages, metadata, files."""
import concurrent.futures
import hashlib
import json
import os
import re
import sys
import threading
import time
from urllib.parse import urljoin

from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
from pip._internal.network.session import PipSession
from pip._vendor import requests
from pip._vendor.packaging.utils import (
    InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename,
)
from pip._vendor.packaging.version import InvalidVersion, Version

from common import StepFailure, clip, normal_name

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TRIES = 3
SECONDS = 30
BYTES_MAX = 1024 * 1024 * 1024
TRANSIENT = {408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 527}
CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class IndexFile:
    """One file of a project page. `version` is None where the filename is neither a wheel's nor an sdist's."""

    def __init__(self, entry, page_url):
        self.filename = entry["filename"]
        self.url = urljoin(page_url, entry["url"]).split("#")[0]
        self.sha256 = (entry.get("hashes") or {}).get("sha256")
        self.requires_python = entry.get("requires-python") or None
        yanked = entry.get("yanked")
        self.yanked = yanked is not None and yanked is not False
        self.uploaded = entry.get("upload-time")
        self.metadata = entry.get("core-metadata", entry.get("data-dist-info-metadata")) or False
        self.wheel = self.filename.endswith(".whl")
        self.local = entry.get("local")
        self.version, self.build, self.tags = None, (), frozenset()
        try:
            if self.wheel:
                _, self.version, self.build, self.tags = parse_wheel_filename(self.filename)
            elif self.filename.endswith((".tar.gz", ".zip")):
                self.version = parse_sdist_filename(self.filename)[1]
        except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
            self.version = None


def settings():
    """pip's own configuration, environment included, as {key: value} with the most particular one winning."""
    configuration = Configuration(isolated=False)
    configuration.load()
    found = {}
    order = {"global": 0, "download": 1, "install": 2, ":env:": 3}
    items = sorted(flat(configuration), key=lambda item: order.get(item[0].split(".")[0], -1))
    for key, value in items:
        found[key.split(".", 1)[1]] = value
    return found


def flat(configuration):
    """pip groups the items by file since 25.1; before that it gave them flat."""
    for key, value in configuration.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield key, value


def certificates(configured):
    """The file or folder with the certificates to trust: pip's own setting, then what others name, then Debian's."""
    for path in [configured.get("cert"), *(os.environ.get(name) for name in CERTIFICATES)]:
        if path and os.path.exists(path):
            return path
    usual = "/etc/ssl/certs/ca-certificates.crt"
    return usual if os.path.exists(usual) else True


class Index:
    """The index or indexes of pip's configuration, with a memory of the pages that were read."""

    def __init__(self, local=()):
        self.beside = local
        configured = settings()
        self.urls = [configured.get("index-url") or PyPI.simple_url]
        self.urls += (configured.get("extra-index-url") or "").split()
        self.verify = certificates(configured)
        self.trusted = (configured.get("trusted-host") or "").split()
        self.local = threading.local()
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.pages = {}
        self.lock = threading.Lock()

    def session(self):
        if not hasattr(self.local, "session"):
            session = PipSession(trusted_hosts=self.trusted, index_urls=self.urls)
            session.verify = self.verify
            self.local.session = session
        return self.local.session

    def get(self, url, headers=None, stream_to=None):
        """A response with its body read, or None for 404. Errors: FARM_FETCH_FAILED after three tries."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.5 * 3 ** (attempt - 1))
            try:
                return self.get_once(url, headers, stream_to)
            except Transient as error:
                why = str(error)
            except requests.RequestException as error:
                why = f"{type(error).__name__}: {error}"
            print(f"wheelfarm: try {attempt + 1} of {TRIES}: {without_password(why)}", file=sys.stderr, flush=True)
        raise StepFailure("FARM_FETCH_FAILED", {"why": clip(without_password(why), 400)})

    def get_once(self, url, headers, stream_to):
        with self.session().get(url, headers=headers or {}, timeout=SECONDS, stream=True) as response:
            if response.status_code in (404, 410):
                return None
            if response.status_code in TRANSIENT:
                raise Transient(f"{response.status_code} from {url}")
            if response.status_code >= 400:
                raise StepFailure("FARM_FETCH_FAILED", {"why": without_password(f"{response.status_code} from {url}")})
            if stream_to is None:
                return response.headers.get("content-type", ""), response.content, response.url
            return write_hashed(response, stream_to)

    def page(self, name):
        """Every file of a project in all indexes; empty where none knows it."""
        with self.lock:
            if name not in self.pages:
                self.pages[name] = self.pool.submit(self.read_page, name)
            pending = self.pages[name]
        return pending.result()

    def ahead(self, names):
        """Starts reading pages that will be wanted soon."""
        with self.lock:
            for name in names:
                if name not in self.pages:
                    self.pages[name] = self.pool.submit(self.read_page, name)

    def read_page(self, name):
        files, seen = [], set()
        for path in self.beside:
            file = IndexFile({"filename": os.path.basename(path), "url": "", "local": path}, "")
            if normal_name(file.filename.split("-")[0]) == name:
                seen.add(file.filename)
                files.append(file)
        for base in self.urls:
            answer = self.get(f"{base.rstrip('/')}/{name}/", {"Accept": ACCEPT, "Cache-Control": "max-age=0"})
            if answer is None:
                continue
            for entry in entries(*answer):
                file = IndexFile(entry, answer[2])
                if file.filename not in seen:
                    seen.add(file.filename)
                    files.append(file)
        return files


class Transient(Exception):
    """An answer that another try may better."""


def without_password(text):
    return re.sub(r"//[^/@\s]+@", "//", text)


def entries(content_type, body, url):
    """The files of a page as the JSON form has them (PEP 691), read from JSON or from HTML."""
    if "json" in content_type:
        return json.loads(body).get("files", [])
    return html_entries(body, url)


def html_entries(body, url):
    from html.parser import HTMLParser

    found = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            if tag != "a" or not given.get("href"):
                return
            address, _, fragment = given["href"].partition("#")
            name, _, digest = fragment.partition("=")
            found.append({
                "filename": address.split("?")[0].rsplit("/", 1)[-1],
                "url": address,
                "hashes": {name: digest} if digest else {},
                "requires-python": given.get("data-requires-python"),
                "yanked": (given["data-yanked"] or True) if "data-yanked" in given else False,
                "core-metadata": given.get("data-core-metadata", given.get("data-dist-info-metadata")),
            })

    Anchors().feed(body.decode("utf-8", "replace"))
    return found


def write_hashed(response, path):
    digest, size = hashlib.sha256(), 0
    with open(path, "wb") as out:
        for chunk in response.iter_content(256 * 1024):
            size += len(chunk)
            if size > BYTES_MAX:
                raise StepFailure("FARM_FETCH_FAILED", {"why": f"{os.path.basename(path)} is over {BYTES_MAX} bytes"})
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


__all__ = ["Index", "IndexFile", "Version", "normal_name"]
