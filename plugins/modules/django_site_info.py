#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: django_site_info
short_description: Ask a Django project for the description of its site
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Asks a Django project which columns reference files, where these are, and what its models say about
    deletion, and returns a description of the site to review and to use in C(media_cleanup_sites).
  - The project's own interpreter imports its settings and models as O(user), and runs C(ready) of its apps.
    The environment variable E(DJANGO_MEDIA_CLEANUP_PROBE) is V(1) then. No connection to a database is made.
  - The result holds no password. The other modules ask the project themselves at every run.
extends_documentation_fragment:
  - django_media.cleanup.options.django_site_info
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
  - Django 3.2 or later in the interpreter of the project.
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: django_media.cleanup.media_orphans
  - module: django_media.cleanup.photo_records
"""

EXAMPLES = r"""
- name: Ask the project
  django_media.cleanup.django_site_info:
    user: www-data
    django:
      project: /var/www/footycollect
      python: venv/bin/python
      settings: config.settings.production
  register: discovered

- name: Show the description to paste
  ansible.builtin.debug:
    msg: "{{ discovered.yaml.splitlines() }}"
"""

RETURN = r"""
site:
  description:
    - The description of the site, as an entry of C(media_cleanup_sites). It has the jobs that are safe to
      check; those that delete rows whose file is missing are in RV(missing).
    - Variables of O(django.environment) are not in it.
  returned: success
  type: dict
  sample:
    name: footycollect
    user: www-data
    django:
      project: /var/www/footycollect
      python: /var/www/footycollect/venv/bin/python
      settings: config.settings.production
    orphans: {}
missing:
  description: A job C(missing) for each model whose rows have files in the store, to choose from.
  returned: success
  type: list
  elements: dict
  sample: [{model: collection.Photo, field: image}]
known:
  description: What the project says today.
  returned: success
  type: dict
  contains:
    django:
      description: The version of Django.
      type: str
    python:
      description: The version of the project's interpreter.
      type: str
    settings:
      description: The settings that were asked.
      type: str
    database:
      description: The alias of the database, and its kind, host and name.
      type: str
      sample: default (postgresql db.internal footycollect)
    media_root:
      description: Where the files are.
      type: str
    media_url:
      description: Where they are served.
      type: str
    directories:
      description: The folders that file fields write to, as far as they are fixed.
      type: list
      elements: str
    references:
      description: The columns that reference files, as TABLE.COLUMN.
      type: list
      elements: str
    derived:
      description: The patterns of the installed thumbnail libraries.
      type: list
      elements: str
    keep:
      description: What no job removes, such as the defaults of fields.
      type: list
      elements: str
review:
  description: What is not known, and what else a person should read before the first run.
  returned: success
  type: list
  elements: str
yaml:
  description: The description as YAML, with all else as comments.
  returned: success
  type: str
summary:
  description: All of it in a line.
  returned: success
  type: str
"""

from ..module_utils._module import Module, argument_spec, run_task
from ..module_utils._reconcile.config.options import DJANGO_SITE_INFO


def main() -> None:
    module = Module(argument_spec=argument_spec(DJANGO_SITE_INFO), supports_check_mode=True)
    run_task(module, "django_site_info")


if __name__ == "__main__":
    main()
