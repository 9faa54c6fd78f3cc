# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between AnsibleModule and the engine: options in; results, diff and warnings out."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ._reconcile import work
from ._reconcile.config.django.environment import secret_values
from ._reconcile.config.options import DJANGO, STORAGE, Option
from ._reconcile.config.trust.site_user import worker_of
from ._reconcile.errors import CleanupError
from ._reconcile.text import printable

# Suboptions that may be shown, where others are secret.
_PUBLIC = {
    option: {inner.name for inner in suboptions if not inner.no_log}
    for option, suboptions in (("django", DJANGO), ("storage_options", STORAGE))
}


class Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that shows no secret, whatever is wrong with its options.

    AnsibleModule fails for suboptions of a wrong type before it knows which options are secret, and
    would show all of them with the error.
    """

    def __init__(self, **specification: Any) -> None:
        super().__init__(**specification)
        self.no_log_values: set[str] = without_plain(self.no_log_values, self._environment())
        why = why_secret_shows(self.params)
        if why:
            self.fail_json(msg=why)

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        self.no_log_values |= parts_of_secrets(self.params)
        # A text where suboptions belong is parsed as "key=value" pairs, which splits a secret.
        plain = {name: value for name, value in self._shown().items() if not _has_suboptions(value)}
        super().fail_json(msg, **{"invocation": {"module_args": plain}, **kwargs})

    def exit_json(self, **kwargs: Any) -> None:
        super().exit_json(**{"invocation": {"module_args": self._shown()}, **kwargs})

    def _environment(self) -> dict[str, Any]:
        """The environment variables of the Django project that the task itself names."""
        return _environment_of(self.params)

    def _shown(self) -> dict[str, Any]:
        """The parameters without what is secret: the environment of a Django project, keys of a bucket."""
        shown = dict(self.params)
        for option, public in _PUBLIC.items():
            if shown.get(option):
                # A text where suboptions belong may hold anything.
                named = shown[option].items() if isinstance(shown[option], dict) else ()
                shown[option] = {name: value for name, value in named if name in public}
        return shown

    def warn(self, warning: str, **kwargs: Any) -> None:
        """Warn without secrets: Ansible removes them from all of a result but its warnings."""
        super().warn(remove_values(printable(warning), self.no_log_values), **kwargs)


def why_secret_shows(options: Mapping[str, Any]) -> str:
    """Which other option holds the secret of database_url, and what to do; empty if none does."""
    secret = options.get("database_url") or ""
    for option, value in options.items():
        if option != "database_url" and "://" in secret and secret in _texts(value):
            # In a message it may be taken apart or normalized, and would not be recognized as a secret.
            return f"{option} holds the value of database_url. Correct this option."
    return ""


def without_plain(secrets: set[str], environment: Mapping[str, Any]) -> set[str]:
    """Secrets as Ansible finds them, and of the environment of a Django project only what is one.

    Ansible takes each value for a secret, and would hide each "1" and each path in the result.
    """
    return (secrets - set(map(str, environment.values()))) | secret_values(environment)


def parts_of_secrets(options: Mapping[str, Any]) -> set[str]:
    """What is secret in options that are not validated, and may be of any type."""
    secret = options.get("database_url")
    # What was meant as a list is split at its commas.
    parts = (
        {secret, *(part for part in secret.split(",") if "@" in part)} if isinstance(secret, str) else set()
    )
    return (parts - {""}) | secret_values(_environment_of(options))


def _environment_of(options: Mapping[str, Any]) -> dict[str, Any]:
    django = options.get("django")
    environment = django.get("environment") if isinstance(django, dict) else None
    return environment if isinstance(environment, dict) else {}


def _texts(value: Any) -> str:
    """All texts in an option's value, those put together again that Ansible splits at commas."""
    if isinstance(value, dict):
        value = list(value.values())
    return ",".join(map(_texts, value)) if isinstance(value, list) else str(value)


def _has_suboptions(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(element, dict) for element in value)


def argument_spec(options: Iterable[Option]) -> dict[str, Any]:
    """These options as AnsibleModule takes them."""
    return {option.name: _argument(option) for option in options}


def _argument(option: Option) -> dict[str, Any]:
    argument: dict[str, Any] = {"type": option.type}
    if option.type == "list":
        argument["elements"] = "dict" if option.suboptions else "str"
    # Ansible knows no "required without": the engine reports what neither option nor project says.
    if option.required and not option.by_project:
        argument["required"] = True
    elif option.default is not None:
        argument["default"] = list(option.default) if option.type == "list" else option.default
    if option.choices and not option.codes:
        argument["choices"] = list(option.choices)
    if option.no_log:
        argument["no_log"] = True
    if option.suboptions:
        argument["options"] = argument_spec(option.suboptions)
    return argument


def run_task(module: AnsibleModule, task: str) -> None:
    """Let the site's user do the module's task, and leave through exit_json or fail_json."""
    request = {
        "task": task,
        "options": {name: value for name, value in module.params.items() if not name.startswith("_")},
        "check": module.check_mode,
        "verbose": module._verbosity > 0,
        "diff": module._diff,
    }
    try:
        answer = work.done_by(worker_of([module.params]), request)
    except CleanupError as error:
        module.fail_json(msg=str(error), status=error.exit_status.name.lower())
    for warning in answer["warnings"]:
        module.warn(warning)
    if answer["failure"]:
        module.fail_json(msg=answer["failure"], **answer["result"])
    module.exit_json(**answer["result"])
