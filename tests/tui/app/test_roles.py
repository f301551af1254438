"""A sentence has its looks by what its parts are, on however many lines it stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simkernel.sentence import Role, Sentence, Span, cpu, say
from tui.view.text import plain, styled, wrap

TEXT = say("{} runs the call at {}{}.", cpu(1), Span("vfs_read", Role.SITE, 64), Span(" (0x40)", Role.ADDRESS, 64))


def test_its_parts_have_looks_unless_all_of_it_has_one() -> None:
    assert styled(TEXT) == [("CPU1", "strong"), (" runs the call at vfs_read", ""), (" (0x40)", "dim"), (".", "")]
    assert styled(TEXT, "bad") == [(str(TEXT), "bad")] and styled("plain") == [("plain", "")]


@given(st.integers(10, 60), st.sampled_from(["", "dim"]), st.lists(st.sampled_from("abc d\u00e9"), max_size=40))
def test_wrapped_it_is_the_same_text_with_the_same_looks(width: int, look: str, more: list[str]) -> None:
    text = Sentence(TEXT, " ", "".join(more))
    lines, bare = wrap(text, width, look, "Why  ", "  "), wrap(str(text), width, look, "Why  ", "  ")
    assert [plain(one) for one in lines] == [plain(one) for one in bare]
    looks = {shown for one in lines for _, shown in one[1:]}
    assert looks == ({look} if look else {"", "strong", "dim"})
