"""Writes the one member of each wheel that fits a pattern, wheel after wheel, to stdout.

    python3 unpack.py PATTERN WHEEL...

No package is imported and no code of one runs. A wheel with no such member, or with several, is an error:
which of them is the model would be a guess. Metadata (`*.dist-info/`) and Python files never fit.
"""

import fnmatch
import shutil
import sys
import zipfile

pattern, wheels = sys.argv[1], sys.argv[2:]
for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive:
        names = [
            name
            for name in archive.namelist()
            if fnmatch.fnmatchcase(name, pattern)
            and not name.endswith((".py", "/"))
            and ".dist-info/" not in name
        ]
        if len(names) != 1:
            sys.exit(f"{wheel}: {len(names)} members fit `{pattern}`, expected 1")
        with archive.open(names[0]) as member:
            shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)
