"""`python -m simkernel.kernel --check | --write`: the packaged kernel against the sources, assembled afresh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simkernel.errors import SimkernelError
from simkernel.kernel import artefact


def main() -> int:
    """0 if the packaged kernel is what the sources give (or was written), 1 if not, 2 if nobody can say."""
    parser = argparse.ArgumentParser(prog="python -m simkernel.kernel", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="assemble guest/*.S and compare with the packaged kernel")
    what.add_argument("--write", action="store_true", help="assemble guest/*.S and write the packaged kernel")
    options = parser.parse_args()
    try:
        kernels = {ibt: artefact.assemble_default(ibt) for ibt in (False, True)}
    except SimkernelError as error:
        print(error, file=sys.stderr)
        return 2
    fresh = artefact.pack(kernels, artefact.source_hash())
    plain = kernels[False]
    size = f"{len(plain.text)} bytes of text, {len(plain.data)} of data, {len(plain.sites)} sites"
    if options.write:
        path = Path(artefact.__file__).parent.parent / "guest" / artefact.NAME
        path.write_bytes(artefact.compressed(fresh))
        print(f"{path.name}: {size}")
        return 0
    if artefact.packaged() == fresh:
        print(f"the packaged kernel is that of guest/*.S: {size}")
        return 0
    print("the packaged kernel is not that of guest/*.S: run python -m simkernel.kernel --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
