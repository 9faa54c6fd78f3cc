# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the modules that clean need and support."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
  - psycopg2 2.8 or later, or psycopg 3.1 or later, for O(python), for PostgreSQL only.
  - mysqlclient or PyMySQL for O(python), for MySQL and MariaDB only.
attributes:
  check_mode:
    description: Makes the plan and reports it, changes nothing. The session with the database is read-only.
    support: full
  diff_mode:
    description: Shows what would be removed, or was, as lines that disappear, in check mode too.
    support: full
"""
