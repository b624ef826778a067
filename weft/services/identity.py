"""The user and the group that a process goes on as, once it needs the rights of the superuser no more."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from weft.errors import ApplicationError


@dataclass(frozen=True)
class Identity:
    """A user and a group, by number; None leaves it as it is."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()
    """The further groups: those of the user."""

    @property
    def is_needed(self) -> bool:
        """Whether it differs from what this process is."""
        return self.user not in (None, os.geteuid()) or self.group not in (None, os.getegid())

    def take(self) -> None:
        """Become it, for good. Raises PermissionError in a process that may not."""
        if not self.is_needed:
            return
        if self.group is not None:
            os.setgroups(self.groups or (self.group,))
            os.setgid(self.group)
        if self.user is not None:
            os.setuid(self.user)


def identity(user: str | None, group: str | None) -> Identity:
    """Return the identity of a user and a group, each by name or number; a user's own group where none is said.

    Raises ApplicationError where there is none such, or this process may not become it.
    """
    try:
        entry = None if user is None else pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise ApplicationError(f"there is no user {user!r} on this machine; `getent passwd` lists them") from None
    try:
        number = None if group is None else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ApplicationError(f"there is no group {group!r} on this machine; `getent group` lists them") from None
    groups: tuple[int, ...] = ()
    if entry is not None:
        number = entry.pw_gid if number is None else number
        groups = tuple(os.getgrouplist(entry.pw_name, number))
    found = Identity(None if entry is None else entry.pw_uid, number, groups)
    if found.is_needed and os.geteuid() != 0:
        wish = " ".join(f"--{what} {who}" for what, who in (("user", user), ("group", group)) if who)
        raise ApplicationError(f"{wish}: only the superuser may become another; start it as root, or leave it out")
    return found
