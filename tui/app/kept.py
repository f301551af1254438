"""What is kept from one start to the next: the place where one stood, as a moment, and how one looked at it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from lessons.activity import Given
from lessons.kept import MOST_SEEN, SIZE, Kept
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.files import read_bytes, write_new
from tui.options import THEMES

CLIPBOARD = "if your terminal lets programs copy"


def after(last: Kept | None, now: Kept) -> Kept:
    """What to keep of two sessions: all that was seen, and the place of the later one.

    An empty place never replaces one, so looking around loses none.
    """
    if last is None:
        return now
    seen = tuple(dict.fromkeys((*last.seen, *now.seen)))[-MOST_SEEN:]
    return msgspec.structs.replace(now if now.moment else last, theme=now.theme, seen=seen)


def moment_file(given: Given) -> tuple[str, str, bool]:
    """Write a moment into a file of its own in the current folder; title and text of what to say, and if that failed.

    The text says what a person types to come back.
    """
    try:
        name = write_new(given.file, "moment", f"{given.text}\n")
    except LearnerError as error:
        return f"Copied, {CLIPBOARD}", "\n".join((str(error), *_ways("LINE", given.name))), True
    return f"Kept in {name}, and copied, {CLIPBOARD}", "\n".join(_ways(name, given.name)), False


def _ways(moment: str, name: str) -> list[str]:
    """How to come back, a line each."""
    return [f"Open it: simkernel step --moment {moment}", *([f"     or: simkernel step {name}"] if name else [])]


def state_file() -> Path:
    """The file of the last session, in the person's folder for state; it need not exist."""
    return Path(platformdirs.user_state_dir("simkernel", appauthor=False)) / "last.json"


def load() -> Kept | None:
    """What the last session kept; None at a first start, or where the file cannot be read or holds what cannot be."""
    try:
        kept = msgspec.json.decode(read_bytes(state_file(), "the last place", SIZE), type=Kept)
    except (LearnerError, msgspec.MsgspecError, RecursionError):
        return None
    return kept if kept.theme in ("", *THEMES) else None


def save(kept: Kept) -> bool:
    """Keep it for the next start; False where no file can be written, and the old one is as it was.

    The new file takes the place of the old one when all of it is on the disk: whatever ends the program or the
    machine meanwhile, there is a whole one.
    """
    file = state_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(prefix=f"{file.name}-", dir=file.parent)
    except OSError:
        return False
    try:
        with open(descriptor, "wb") as out:
            out.write(msgspec.json.encode(kept))
            out.flush()
            os.fsync(descriptor)
        os.replace(new, file)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            Path(new).unlink(missing_ok=True)
    return True


def keep(visit: Visit, theme: str = "") -> None:
    """Write down where a person stands, for the next start.

    The file tells the place before: others may have quit since this session began.

    Args:
        visit: the way there.
        theme: of the screen; "" where there was none: the last one stays.
    """
    last = load()
    places = [place for one in visit.all if (place := one.kept()) is not None and place.moment]
    theme = theme or (last.theme if last is not None else "")
    now = msgspec.structs.replace(places[0] if places else Kept(), theme=theme, seen=visit.seen)
    save(after(last, now))
