"""A page as it fits whoever has signed in: its forms hold the session's token, and what the role does not allow is not offered.

Done to the finished page, so that no template can forget either.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from web.api.people import FORM_TOKEN

_FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*>')
_WHOLE_FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*\baction="([^"]*)"[^>]*>.*?</form>', re.DOTALL)
_BUTTON = re.compile(r'<button\b[^>]*\bformmethod="post"')
_TABS = re.compile(r'<nav class="tabs"[^>]*>.*?</nav>', re.DOTALL)
_LINK = re.compile(r'<a href="([^"?]*)[^"]*"[^>]*>[^<]*</a>')
May = Callable[[str, str], bool]
"""Method and path -> whether the role allows it."""


def fitted(page: str, form_token: str, may: May) -> str:
    """The page without forms and tabs that would be refused; every form left that writes holds the token."""
    page = _WHOLE_FORM.sub(lambda found: found[0] if may("POST", found[1]) else "", page)
    page = _TABS.sub(lambda tabs: _LINK.sub(lambda one: one[0] if may("GET", one[1]) else "", tabs[0]), page)
    page = _FORM.sub(lambda found: f'{found[0]}<input type="hidden" name="{FORM_TOKEN}" value="{form_token}">', page)
    # such a form can also be sent by GET, where the token must not get into the address: only this button brings it
    return _BUTTON.sub(lambda found: f'{found[0]} name="{FORM_TOKEN}" value="{form_token}"', page)
