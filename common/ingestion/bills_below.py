"""Which bills lie below a folder: each export that a manifest describes, and the other files by provider and billing account.

A file that is not a bill is left out and named.  One that belongs to a bill but cannot be read is not left out: landing then rejects the
bill, where a lower total would look right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from common.errors import BadBill
from common.ingestion.first_look import FirstLook, look
from common.ports import Location
from common.providers.discovery import is_data, is_manifest, is_sidecar
from common.providers.listed import listed_files
from common.providers.registry import TITLES

MOST_TOLD_APART = 64
"""Files of one provider whose billing accounts are compared; more are the parts of one bill, and looking at each would take minutes."""
_NAMED = 3
_UNLISTED = "no manifest beside it lists it; if it is a bill of its own, import it by its path"
_NOT_DATA = "it is not a CSV, Parquet or JSON lines file"
_NO_FILES = "it is the manifest of an export whose files are not here"


@dataclass(frozen=True)
class FoundBill:
    """One bill on this machine.  path: its file or folder.  names: which files of the folder, None for all below."""

    path: Path
    provider: str
    account: str | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Below:
    """The bills of a folder, and a line on what was left out, for each reason."""

    bills: tuple[FoundBill, ...]
    skipped: tuple[str, ...]


@dataclass
class _Group:
    provider: str
    names: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)
    accounts: set[str | None] = field(default_factory=set)


def bills_below(folder: Path, location: Location, provider: str | None = None, by_account: bool = True) -> Below:
    """The bills below a folder, which is also a location.

    provider: only bills of this one.  by_account: bills of different billing accounts are told apart, where each file names just one.
    """
    sorting = _Sorting(folder, location)
    bills = []
    for group in sorting.groups(by_account):
        if provider in (None, group.provider):
            bills.append(sorting.placed(group))
        else:
            sorting.leave_out(group.names, f"it is a bill of {TITLES[group.provider]}, not of {TITLES[str(provider)]}")
    return Below(tuple(bills), tuple(_lines(folder, sorting.left_out)))


class _Sorting:
    """The files below a folder, each looked at once."""

    def __init__(self, folder: Path, location: Location) -> None:
        self.folder = folder
        self.left_out: dict[str, str] = {}
        found = location.list()
        self._listed = listed_files(location, found)
        named = frozenset[str]().union(*self._listed.values())
        self._data = [one.name for one in found if is_data(one.name)]
        self._free = [name for name in self._data if name not in named]
        self._layouts: dict[str, _Group] = {}
        self._group_manifests()
        rest = [
            one.name for one in found if not is_data(one.name) and not is_manifest(one.name) and one.name not in named
        ]
        self.leave_out((name for name in rest if not is_sidecar(name)), _NOT_DATA)
        self._looks = self._look_at(self._free)
        self._plain = self._group_the_rest()

    def leave_out(self, names: Iterable[str], reason: str) -> None:
        """Note files that belong to no bill."""
        self.left_out |= dict.fromkeys(names, reason)

    def groups(self, by_account: bool) -> list[_Group]:
        """The bills: exports with manifests first, by provider."""
        plain = [part for group in self._plain.values() for part in self._told_apart(group, by_account)]
        return [*self._layouts.values(), *plain]

    def placed(self, group: _Group) -> FoundBill:
        """The bill at the highest place below which nothing else lies that its provider would read; else its files by name."""
        own = group.names | group.manifests
        foreign = [name for name in (*self._listed, *(() if group.manifests else self._data)) if name not in own]
        account = next(iter(group.accounts)) if len(group.accounts) == 1 else None
        for below in _folders_to(_common_folder(own)):
            if not any(_is_below(name, below) for name in foreign):
                return FoundBill(self.folder / below, group.provider, account)
        if len(own) == 1:
            return FoundBill(self.folder / next(iter(own)), group.provider, account)
        return FoundBill(self.folder, group.provider, account, tuple(sorted(own)))

    def _group_manifests(self) -> None:
        unknown = []
        for manifest, names in self._listed.items():
            seen = next((one for name in sorted(names) if (one := self._recognised(name))), None)
            if seen is None:
                unknown.append(manifest)
                continue
            group = self._layouts.setdefault(seen.provider, _Group(seen.provider))
            group.manifests.add(manifest)
            group.names |= names
            group.accounts.add(seen.account)
        for manifest in unknown:
            self._place_unknown(manifest)

    def _place_unknown(self, manifest: str) -> None:
        """A manifest of which no file can be read: of the export below or around it, which is then refused with the reason."""
        folder = str(PurePosixPath(manifest).parent)
        mine = [name for name in self._free if _is_below(name, folder)]
        seen = next((one for name in mine if (one := self._recognised(name))), None)
        if seen is not None:
            group = self._layouts.setdefault(seen.provider, _Group(seen.provider))
            group.names |= set(mine)
            self._free = [name for name in self._free if name not in group.names]
        elif len(self._layouts) == 1:
            (group,) = self._layouts.values()
        else:
            self.left_out[manifest] = _NO_FILES
            return
        group.manifests.add(manifest)
        group.names |= self._listed[manifest]

    def _recognised(self, name: str) -> FirstLook | None:
        try:
            return look(self.folder / name, name)
        except BadBill:
            return None

    def _look_at(self, names: Sequence[str]) -> dict[str, FirstLook | BadBill]:
        looks: dict[str, FirstLook | BadBill] = {}
        for name in names:
            try:
                looks[name] = look(self.folder / name, name, with_account=len(names) <= MOST_TOLD_APART)
            except BadBill as error:
                looks[name] = error
        return looks

    def _group_the_rest(self) -> dict[str, _Group]:
        """The files that no manifest lists, by provider."""
        groups: dict[str, _Group] = {}
        by_pattern: dict[str, str] = {}
        for name, seen in self._looks.items():
            if isinstance(seen, BadBill):
                continue
            if seen.provider in self._layouts:
                self.left_out[name] = _UNLISTED
                continue
            groups.setdefault(seen.provider, _Group(seen.provider)).names.add(name)
            by_pattern[_pattern(name)] = seen.provider
        for name, seen in self._looks.items():
            if isinstance(seen, BadBill):
                provider = by_pattern.get(_pattern(name))
                if provider is None:
                    self.left_out[name] = str(seen)
                else:
                    groups[provider].names.add(name)
        return groups

    def _told_apart(self, group: _Group, by_account: bool) -> list[_Group]:
        """By billing account where every file names one; files of one bill may name several, and then all are one bill."""
        looks = {name: self._looks[name] for name in sorted(group.names)}
        readable = {name: one for name, one in looks.items() if isinstance(one, FirstLook)}
        accounts = {one.account for one in readable.values()}
        apart = by_account and None not in accounts and len(readable) == len(looks)
        if not apart or len(accounts) == 1 or any(one.adds_up for one in readable.values()):
            first = next(iter(readable.values()))
            if not first.account and len(group.names) > MOST_TOLD_APART:
                first = look(self.folder / next(iter(readable)), next(iter(readable)))
            return [_Group(group.provider, group.names, accounts={first.account})]
        return [
            _Group(
                group.provider, {name for name, one in readable.items() if one.account == account}, accounts={account}
            )
            for account in sorted(map(str, accounts))
        ]


def _pattern(name: str) -> str:
    """A name with its numbers alike, as the parts of one bill are called."""
    return re.sub(r"\d+", "#", name)


def _is_below(name: str, folder: str) -> bool:
    return folder in ("", ".") or name.startswith(f"{folder}/")


def _common_folder(names: Iterable[str]) -> str:
    return os.path.commonpath([str(PurePosixPath("/", name).parent) for name in names]).lstrip("/")


def _folders_to(folder: str) -> list[str]:
    """The folders from the top to this one."""
    steps = PurePosixPath(folder).parts
    return ["/".join(steps[:number]) for number in range(len(steps) + 1)]


def _lines(folder: Path, left_out: Mapping[str, str]) -> Iterable[str]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in sorted(left_out.items()):
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        named = ", ".join(str(folder / name) for name in names[:_NAMED])
        if len(names) > _NAMED:
            named += f" and {len(names) - _NAMED} more"
        yield f"{named} {'is' if len(names) == 1 else 'are'} skipped: {reason}"
