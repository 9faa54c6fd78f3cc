# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a service answers where it does not do what it was asked: the one place that knows what that proves.

Only an answer of the service itself, which names the missing key in words, proves that an object is not
there. A proxy, a wrong endpoint and a bucket that was deleted answer 404 as well.
"""

from __future__ import annotations

import errno
import re
from typing import Any, Mapping

from ...text import printable

# Words that prove that the object, or this version of it, is not there.
_NO_OBJECT = ("NoSuchKey", "NoSuchVersion")
_DENIED = ("AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "InvalidToken")
# Parts of the names of errors of botocore.
_ABOUT_CREDENTIALS = ("Credential", "ProfileNotFound", "TokenRetrieval", "UnauthorizedSSOToken")
_ABOUT_THE_WAY = ("Connect", "Timeout", "Proxy", "SSL")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")


class BucketError(OSError):
    """A service refused a request, or did not answer: nothing is known of what it was asked for."""

    def __init__(self, words: str, number: int = errno.EIO, status: int = 0) -> None:
        super().__init__(number, printable(words))
        # That of HTTP; 0 where there was no answer.
        self.status = status


class ConditionFailed(BucketError):
    """The object is not the one that the request was made for, or there is one where none should be."""


class NotSupported(BucketError):
    """The service knows no such request."""


def failure_of(error: Exception) -> OSError:
    """What an error of botocore means. Shows only words of ours, and the code of the service.

    Its message may quote what is secret: a URL with a password, or the request that was signed.
    """
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return _of_response(response)
    kind = type(error).__name__
    if any(part in kind for part in _ABOUT_CREDENTIALS):
        return BucketError(f"there are no usable credentials ({kind})", errno.EACCES)
    if any(part in kind for part in _ABOUT_THE_WAY):
        return BucketError(f"the service could not be reached ({kind})")
    return BucketError(f"the request failed ({kind})")


def _of_response(response: Mapping[str, Any]) -> OSError:
    about = response.get("Error") or {}
    status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
    code = str(about.get("Code") or "")
    code = code if _CODE.fullmatch(code) else "no code"
    shown = f"{code}, status {status}"
    if code in _NO_OBJECT and status == 404:
        return FileNotFoundError(errno.ENOENT, "there is no such object")
    if code == "PreconditionFailed" or status == 412:
        return ConditionFailed("the object was changed, or is there already", errno.EEXIST, status)
    if code in _EXPIRED:
        return BucketError(f"the credentials have expired ({shown})", errno.EACCES, status)
    if code in _DENIED or status in (401, 403):
        return BucketError(f"the service denies it to these credentials ({shown})", errno.EACCES, status)
    if code == "NoSuchBucket":
        return BucketError(f"there is no such bucket ({shown})", status=status)
    if status == 501 or code in ("NotImplemented", "MethodNotAllowed") or status == 405:
        return NotSupported(f"the service cannot do it ({shown})", errno.EOPNOTSUPP, status)
    if status in (429, 503) or code in ("SlowDown", "Throttling", "RequestLimitExceeded"):
        words = f"the service asks to slow down, also after several attempts ({shown})"
        return BucketError(words, errno.EAGAIN, status)
    return BucketError(f"the service answered with an error ({shown})", status=status)
